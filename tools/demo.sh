#!/usr/bin/env bash
# From a fresh clone on Debian 12: installs what is missing, builds, and shows slab's main job on data
# that it simulates. No cluster, no server, no download of data.
#
#   bash tools/demo.sh           works in a temporary folder and cleans it up
#   bash tools/demo.sh --keep    leaves the folder, to look around in
#   BUILD=/tmp/b bash tools/demo.sh   builds elsewhere than in build/
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD:-$top/build}
keep=
[ "${1:-}" = --keep ] && keep=1

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# Shows a command as one would type it, then runs it.
run() {
    printf '$ %s\n' "$*"
    "$@"
}

say "1. Packages and build (the first time takes a minute or two)"
bash "$top/tools/install-packages.sh"
cmake -S "$top" -B "$build" -G Ninja -DSLAB_TESTS=OFF >/dev/null
cmake --build "$build" --target slab h5zstd | tail -n 1

folder=$(mktemp -d "${TMPDIR:-/tmp}/slab-demo.XXXXXX")
if [ -n "$keep" ]; then
    echo "the files of this demonstration are in $folder"
else
    trap 'rm -rf "$folder"' EXIT
fi
cd "$folder"
export PATH=$build/tools:$PATH
export HDF5_PLUGIN_PATH=$build/plugin
if [ "$(id -u)" = 0 ]; then # in a container, say; Open MPI wants to be told
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_mpi_yield_when_idle=1

say "2. Data: 800 people from 5 populations, 50,000 variants each"
echo "   Drawn at random (Balding-Nichols model) and written as a PLINK fileset, as a study would have it."
run slab random genotypes --shape 800x50000 --populations 5 --seed 1 -o sim.h5:/genotypes
run slab export sim.h5:/genotypes -o study.bed
ls -l study.bed study.bim study.fam | awk '{ print "   " $5 " bytes  " $NF }'

say "3. Import: the foreign file becomes a compressed array in an HDF5 file"
run slab import study.bed -o cohort.h5:/genotypes
run slab info cohort.h5:/genotypes
echo "   2 bits a genotype and then zstd: see the ratio. Any HDF5 program reads it as plain bytes."

say "4. Statistics: one pass over the array, decoded by all cores"
run slab stat cohort.h5:/genotypes
echo "   And of every variant (its allele count is what --axis 0 gives); here of the first three:"
run slab stat 'cohort.h5:/genotypes[:, 0:3]' --axis 0

say "5. What would principal components cost? The plan says so before anything runs"
pca=(slab pca cohort.h5:/genotypes --standardize genotype --maf 0.01 -k 10 --memory 64M)
run "${pca[@]}" -o pcs.h5 --dry-run

say "6. Principal components, in 64 MB of memory"
run "${pca[@]}" -o pcs.h5
echo "   Four components stand out: that is what five populations look like."

say "7. The same on two ranks: the same bits"
printf '$ mpirun -n 2 %s -o pcs2.h5\n' "${pca[*]}"
mpirun --oversubscribe -n 2 "${pca[@]}" -o pcs2.h5 -q
slab dump pcs.h5:/scores >one.txt
slab dump pcs2.h5:/scores >two.txt
cmp one.txt two.txt && echo "   The scores agree in every digit."

say "8. Out again: a table with a line a person, for any statistics program"
run slab export pcs.h5:/scores -o scores.tsv
head -n 3 scores.tsv | cut -f 1-5 | sed 's/^/   /'
run slab export cohort.h5:/genotypes -o back.bed
cmp study.bed back.bed && echo "   The genotypes come back byte for byte."

say "9. Nothing is lost: every chunk is checked, and a job that is killed leaves the file as it was"
run slab verify cohort.h5:/genotypes
printf '$ slab random normal --shape 20000x20000 -o cohort.h5:/noise   # killed after half a second\n'
slab random normal --shape 20000x20000 -q -o cohort.h5:/noise &
sleep 0.5
kill -9 $! 2>/dev/null || true
wait $! 2>/dev/null || true
run slab recover cohort.h5
run slab ls cohort.h5
run slab verify cohort.h5:/genotypes

say "Done. 'slab help' lists the commands; docs/getting-started.md goes on from here."
if [ -n "$keep" ]; then
    echo "The files are in $folder, the program is $build/tools/slab."
fi
