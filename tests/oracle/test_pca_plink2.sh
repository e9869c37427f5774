#!/usr/bin/env bash
# Principal components of genotypes with missing calls, against plink2 --pca meanimpute; those of
# the randomised method, and of other scalings, against NumPy.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
command -v plink2 >/dev/null || { echo "skipped: no plink2"; exit 77; }
PATH=$(dirname "$SLAB"):$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# people, variants, rate of missing calls: both sides of the matrix, with and without a filter
set=0
while read -r people variants missing maf; do
    set=$((set + 1))
    plink2 --dummy "$people" "$variants" "$missing" --seed $set --make-bed --out d$set >/dev/null
    plink2 --bfile d$set --maf "$maf" --pca meanimpute 6 --nonfounders --out d$set >/dev/null 2>&1
    slab import d$set.bed -o d$set.h5:/genotypes
    slab pca d$set.h5:/genotypes --maf "$maf" -k 6 --method exact -q -o d$set-exact.h5
    slab pca d$set.h5:/genotypes --maf "$maf" -k 6 --method exact -q --memory 64M -@ 1 -o d$set-small.h5
    slab import d$set.bed --no-pack -o d$set.h5:/plain
    slab pca d$set.h5:/plain --standardize genotype --maf "$maf" -k 6 --method exact -q -o d$set-plain.h5
done <<'SETS'
150 2000 0.05 0.01
150 1025 0.3 0.2
700 400 0.02 0.1
SETS

slab random genotypes --shape 600x3000 --populations 4 --seed 5 -o sim.h5:/g
for n in 1 2 3; do
    mpirun --oversubscribe -n $n slab pca sim.h5:/g -k 12 --method randomized -q -o sim-$n.h5
done
slab pca sim.h5:/g -k 12 --method randomized --memory 40M -q -o sim-small.h5
"$PYTHON" -c '
import h5py, numpy as np
rng = np.random.default_rng(1)
x = rng.normal(size=(3000, 700)) @ np.diag(np.linspace(1, 3, 700)) + rng.normal(size=(3000, 3)) @ rng.normal(size=(3, 700)) * 4
x[rng.random(x.shape) < 0.01] = np.nan
with h5py.File("real.h5", "w") as f:
    f.create_dataset("f4", data=x.astype("f4"), chunks=(500, 300), compression="gzip", shuffle=True)
    f.create_dataset("f8", data=x, chunks=(500, 300))
    f.create_dataset("wide", data=x.T.astype("f4"), chunks=(300, 500))
'
for array in f4 f8 wide; do
    for scaling in none center unit; do
        for method in exact randomized; do
            slab pca real.h5:/$array -k 4 --standardize $scaling --method $method -q \
                -o real.h5:/$array-$scaling-$method
        done
    done
done
mpirun --oversubscribe -n 3 slab pca real.h5:/f4 -k 4 --method randomized -q -o real-3.h5
"$PYTHON" "$here/check_pca_plink2.py"
