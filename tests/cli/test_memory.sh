#!/usr/bin/env bash
# The memory that is stated is the memory that is used: peak resident size stays below --memory and
# 64 MiB, for inputs much larger than that.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
is_sanitized && { echo "skipped: sanitizers take memory of their own"; exit 77; }

# peak MIB WORDS...: runs slab, checks its peak resident memory
peak() {
    local most=$1 got
    shift
    got=$(python3 - "$SLAB" "$@" <<'PY'
import resource, subprocess, sys
ran = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(-1 if ran.returncode else resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
    )
    [ "$got" -ge 0 ] && [ "$got" -le "$most" ] && pass "$got MiB of $most: slab $*" ||
        fail "$got MiB, more than $most (or it failed): slab $*"
}

peak 96 random uniform --shape 8192x16384 --dtype f4 --memory 32M -q -o big.h5:/x
peak 96 stat big.h5:/x --memory 32M
peak 96 stat big.h5:/x --memory 32M --axis 0
peak 96 verify big.h5 --memory 32M
peak 96 export big.h5:/x --memory 32M -q -o big.npy
peak 96 import big.npy --memory 32M -q -o again.h5:/x
peak 128 pca big.h5:/x -k 3 --method randomized --passes 2 --memory 64M -q -o pcs.h5
# no more than the vectors and the tiles at hand
peak 88 pca big.h5:/x -k 3 --method randomized --passes 2 --memory 24M -q -o little.h5
"$SLAB" dump pcs.h5:/scores >a.txt && "$SLAB" dump little.h5:/scores >b.txt
cmp -s a.txt b.txt && pass "components from 24M are those from 64M" || fail "components differ"
# one row that is wider than the memory
peak 96 random integers --shape 1x60000000 --dtype u1 --memory 32M -q -o wide.h5:/x
peak 80 dump wide.h5:/x --memory 16M
peak 80 head wide.h5:/x
slab dump wide.h5:/x --memory 16M | wc -lc >shape
[ "$(tr -s ' ' <shape)" = " 1 120000000" ] && pass "a row that is wider than memory is one line" ||
    fail "a wide row: $(cat shape)"

# pca names a budget that is enough for all of its steps
"$SLAB" pca big.h5:/x -k 3 --method randomized --passes 2 --memory 4M -o no.h5 2>err
[ $? = 2 ] && [ ! -e no.h5 ] || fail "pca within 4 MiB was not refused"
enough=$(grep -oE -- '--memory [0-9]+M' err)
check "pca's message's $enough is enough" "$SLAB" pca big.h5:/x -k 3 --method randomized --passes 2 $enough -q -o no.h5
rm -f no.h5

# what cannot fit is refused before anything is written, and the budget it names is enough
"$SLAB" random normal --shape 4000x4000 --chunks 4000x4000 --memory 32M -o no.h5 2>err
[ $? = 2 ] && [ ! -e no.h5 ] || fail "a chunk that does not fit was not refused"
enough=$(grep -oE -- '--memory [0-9]+M' err)
check "the message's $enough is enough" "$SLAB" random normal --shape 4000x4000 --chunks 4000x4000 $enough -q -o no.h5
finish
