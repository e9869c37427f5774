#!/usr/bin/env bash
# The whole job on real genotypes, in the words a user types, against plink2's answers.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
data=$SLAB_SOURCE/../shared/data
[ -f "$data/genomics/1kg.bed" ] || { echo "skipped: no $data/genomics/1kg.bed"; exit 77; }
export DATA=$data HERE=$here
PATH=$(dirname "$SLAB"):$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

slab import "$data/genomics/1kg.bed" -o cohort.h5:/genotypes
slab info cohort.h5:/genotypes
slab stat cohort.h5:/genotypes --json >stat.json
slab pca cohort.h5:/genotypes --standardize genotype --maf 0.01 -k 10 --memory 64M -o pcs.h5
for n in 1 2 4; do
    mpirun --oversubscribe -n $n slab pca cohort.h5:/genotypes --standardize genotype --maf 0.01 \
        -k 10 --memory 64M -o pcs-$n.h5
done
slab pca cohort.h5:/genotypes --standardize genotype --maf 0.01 -k 10 -@ 1 -o pcs-one-thread.h5
slab export pcs.h5:/scores -o scores.tsv
slab export pcs.h5:/scores -o scores.npy
slab dump pcs.h5:/eigenvalues >eigenvalues.txt
"$PYTHON" "$here/check_real_job.py"

slab export cohort.h5:/genotypes -o back.bed
for suffix in bed bim fam; do cmp "$data/genomics/1kg.$suffix" back.$suffix; done
mpirun --oversubscribe -n 2 slab import "$data/genomics/1kg.bed" -o cohort2.h5:/genotypes
slab export cohort2.h5:/genotypes -o back2.bed
cmp "$data/genomics/1kg.bed" back2.bed
echo "import then export gives bed, bim and fam back byte for byte"
