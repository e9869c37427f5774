#!/usr/bin/env bash
# The programs of docs/examples are compiled by CMake with the rest; here they are run.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
examples=$SLAB_BUILD/examples
on_ranks() { ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 mpirun --oversubscribe -n "$@"; }
for file in "$SLAB_SOURCE"/docs/examples/*.c; do
    name=$(basename "$file" .c)
    grep -q "/$name\"" "${BASH_SOURCE[0]}" || fail "no test runs docs/examples/$name.c"
done

page=$SLAB_SOURCE/docs/examples/README.md
same "the page quotes a program as it is" <(awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' "$page") \
    "$SLAB_SOURCE/docs/examples/standardize_columns.c"
for file in "$SLAB_SOURCE"/docs/examples/*.c; do
    grep -qF "]($(basename "$file"))" "$page" || fail "docs/examples/README.md does not name $(basename "$file")"
done

# column_means
slab random normal --shape 700x5 --dtype f4 --seed 3 --chunks 64x2 -q -o m.h5:/x
"$examples/column_means" m.h5 /x >one.txt
[ "$(wc -l <one.txt)" = 5 ] && pass "a line a column" || fail "not a line a column: $(cat one.txt)"
while read -r column mean std; do
    # stat prints the fewest digits that give the same number: compare as numbers
    grep -q . <<<"$column" && awk -v a="$mean" -v s="$std" 'BEGIN { exit !(a == a + 0 && s > 0.8 && s < 1.2) }' ||
        fail "column $column: $mean $std"
done <one.txt
on_ranks 3 "$examples/column_means" m.h5 /x >three.txt
same "the same bits on three ranks" one.txt three.txt
"$examples/column_means" m.h5 /nothing >/dev/null 2>error.txt && fail "a missing array is accepted" ||
    pass "a missing array: $(cat error.txt)"

# standardize_columns: 4 columns whose moments are known by hand: means 2 3 10 -1, deviations 1 2 1 4
python3 - >rows.csv <<'PY'
for i in range(1000):
    s = 1 if i % 2 else -1
    print(f"{2 + s},{3 - 2 * s},{10 + s},{-1 + 4 * s}")
PY
slab import rows.csv --header no -q -o hand.h5:/x
"$examples/standardize_columns" hand.h5:/x z.h5
slab calc 'round(z[0:2], 12)' z=z.h5:/z >z.txt
same "columns are standardised, by hand" z.txt <(printf -- '-1\t1\t-1\t-1\n1\t-1\t1\t1\n')

# 64 MiB in 24 MiB of memory; NumPy says what is right where it is installed, and slab calc besides
slab random normal --shape 16384x1024 --mean 80 --std 10 --dtype f4 --seed 3 -q -o big.h5:/x
"$examples/standardize_columns" big.h5:/x large.h5 64
slab calc '(x - mean(x, axis=0)) / std(x, axis=0)' x=big.h5:/x --memory 64M -q -o calc.h5:/z
check "standardize_columns stores what slab calc stores" slab diff large.h5:/z calc.h5:/z
refuses 1 'needs at least .* MiB' "$examples/standardize_columns" big.h5:/x small.h5 2
[ -e small.h5 ] && fail "a file is left behind" || pass "nothing is made when the budget is too small"
if ! is_sanitized; then
    "$examples/standardize_columns" big.h5:/x tight.h5 32
    used=$(/usr/bin/python3 - "$examples/standardize_columns" <<'PY'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "big.h5:/x", "again.h5", "32"], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
    )
    [ "$used" -le 64 ] && pass "64 MiB in $used MiB of memory" || fail "64 MiB in $used MiB of memory"
    check "the same bits in half of the memory" slab diff tight.h5:/z large.h5:/z
fi
on_ranks 2 "$examples/standardize_columns" big.h5:/x two.h5 64
check "the same bits on two ranks" slab diff two.h5:/z large.h5:/z
if /usr/bin/python3 -c 'import h5py' 2>/dev/null; then
    check "standardize_columns agrees with NumPy" /usr/bin/python3 - <<'PY'
import h5py, numpy as np
x = h5py.File("big.h5")["x"][:, :64].astype("f8")
z = h5py.File("large.h5")["z"][:, :64]
assert z.shape == (16384, 64) and z.dtype == np.float32
assert abs(z - (x - x.mean(axis=0)) / x.std(axis=0)).max() < 3e-6
PY
fi

# one_reading: every byte of the matrix once, and what comes out
"$examples/one_reading" big.h5:/x five.h5 >read.txt
read -r bytes _ _ seen <read.txt
[ "$bytes" = "$seen" ] && [ "$bytes" -gt 30000000 ] && pass "one reading: $(cat read.txt)" ||
    fail "not one reading: $(cat read.txt)"
on_ranks 2 "$examples/one_reading" big.h5:/x five2.h5 >read2.txt
same "one reading on two ranks" read.txt read2.txt
slab calc 'mean = mean(x, axis=1); std = std(x, axis=1); root = sqrt(x); counts, edges = histogram(x, bins=20, range=(0, 100))' \
    x=big.h5:/x -q -o calc5.h5
for array in mean std root counts edges; do
    check "one_reading stores /$array as slab calc does" slab diff five.h5:/$array calc5.h5:/$array
done

# late_error
"$examples/late_error" late.h5 >late.txt && [ ! -e late.h5 ] && pass "an error surfaces at the store, and no file is made" ||
    fail "late_error: $(cat late.txt)"
grep -q '^ERR_RANGE: .*sum along axis 2 of an array of 2 axes' late.txt && pass "$(cat late.txt)" || fail "$(cat late.txt)"

# evaluate_text
"$examples/evaluate_text" 'm = mean(x, axis=0); z = x - m' hand.h5:/x e.h5
[ "$(slab dump e.h5:/m | tr '\n' ' ')" = "2 3 10 -1 " ] && pass "an expression from C: m" || fail "m: $(slab dump e.h5:/m)"
same "an expression from C: z" <(slab dump 'e.h5:/z[0]') <(printf -- '-1\n2\n-1\n-4\n')
refuses 1 "at character 6: '\(' is not closed" "$examples/evaluate_text" 'log1p(x' hand.h5:/x e2.h5
finish
