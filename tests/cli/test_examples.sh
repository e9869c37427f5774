#!/usr/bin/env bash
# The programs of docs/examples are compiled by CMake with the rest; here they are run.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
example=$SLAB_BUILD/examples/column_means

slab random normal --shape 700x5 --dtype f4 --seed 3 --chunks 64x2 -q -o m.h5:/x
"$example" m.h5 /x >one.txt
slab stat m.h5:/x --axis 0 --json >stat.json
[ "$(wc -l <one.txt)" = 5 ] && pass "a line a column" || fail "not a line a column: $(cat one.txt)"
while read -r column mean std; do
    # stat prints the fewest digits that give the same number: compare as numbers
    grep -q . <<<"$column" && awk -v a="$mean" -v s="$std" 'BEGIN { exit !(a == a + 0 && s > 0.8 && s < 1.2) }' ||
        fail "column $column: $mean $std"
done <one.txt
mpirun --oversubscribe -n 3 "$example" m.h5 /x >three.txt
same "the same bits on three ranks" one.txt three.txt
"$example" m.h5 /nothing >/dev/null 2>error.txt && fail "a missing array is accepted" ||
    pass "a missing array: $(cat error.txt)"
finish
