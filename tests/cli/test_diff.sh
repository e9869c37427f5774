#!/usr/bin/env bash
# slab diff: what it says and its exit codes, by hand; the same on any ranks, threads and budget.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# differs CODE COMMAND...
differs() {
    local code=$1 got
    shift
    "$@" >differs.out 2>differs.err
    got=$?
    [ $got = "$code" ] && pass "$* -> $code" || { fail "$*: exit code $got, not $code"; cat differs.out differs.err; }
}

printf '1,2,3\n4,,6.5\n7,-8,0\n' >a.csv
printf '1,2.5,3\n4,5,6.5\n7,-8,\n' >b.csv
slab import a.csv -o a.h5:/x --chunks 2x2 -q
slab import b.csv -o b.h5:/x --chunks 3x1 --filter gzip -q
slab import a.csv -o b.h5:/g/x --dtype f4 -q
slab import a.csv -o a.h5:/g/x -q
differs 0 "$SLAB" diff a.h5:/g/x b.h5:/g/x --equal-nan
differs 1 "$SLAB" diff a.h5:/g/x b.h5:/g/x
differs 0 "$SLAB" diff 'a.h5:/x[:, 0]' 'b.h5:/x[:, 0]'
differs 0 "$SLAB" diff 'a.h5:/x[0]' 'b.h5:/x[0]' --atol 0.5
differs 1 "$SLAB" diff 'a.h5:/x[0]' 'b.h5:/x[0]' --atol 0.49
differs 0 "$SLAB" diff 'a.h5:/x[0]' 'b.h5:/x[0]' --rtol 0.2
differs 1 "$SLAB" diff 'b.h5:/x[0]' 'a.h5:/x[0]' --rtol 0.2
differs 1 "$SLAB" diff a.h5:/x 'b.h5:/x[0]'
slab diff a.h5:/x b.h5:/x | golden diff
slab diff a.h5:/x b.h5:/x --json | golden diff-json
slab diff a.h5 b.h5 --equal-nan --worst 1 | golden diff-files
slab diff a.h5:/g b.h5:/g --equal-nan --strict | golden diff-strict
slab diff 'a.h5:/x[0]' 'b.h5:/x[0]' --atol 1 | golden diff-close
cp a.h5 c.h5
slab attr c.h5:/x units=K slab_date=never
slab rm -r c.h5:/g >/dev/null
differs 1 "$SLAB" diff a.h5 c.h5 --equal-nan
golden diff-objects <differs.out
slab attr c.h5:/x --delete units
slab import a.csv -o c.h5:/g/x -q
differs 0 "$SLAB" diff a.h5 c.h5 --equal-nan
differs 1 "$SLAB" diff a.h5 c.h5 --equal-nan --provenance

refuses 2 "no '/y' in" "$SLAB" diff a.h5:/x b.h5:/y
refuses 2 "a group.* an array|an array.* a group" "$SLAB" diff a.h5:/x b.h5
refuses 2 "--atol and --rtol are not negative" "$SLAB" diff a.h5:/x b.h5:/x --atol -1
refuses 2 "needs A.h5" "$SLAB" diff a.h5:/x

# integers of 64 bits that are one double
slab random integers --shape 3 --low 0 --high 1 --dtype u8 -q -o i.h5:/x
python3 - <<'PY'
import struct
for name, last in (("p", 2**63), ("q", 2**63 + 1)):
    head = "{'descr': '<u8', 'fortran_order': False, 'shape': (2,), }".ljust(117) + "\n"
    open(name + ".npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + head.encode() + struct.pack("<QQ", 5, last))
PY
slab import p.npy -o i.h5:/p -q
slab import q.npy -o i.h5:/q -q
differs 1 "$SLAB" diff i.h5:/p i.h5:/q
grep -q '1 of 2 elements differ, by up to 1 ' differs.out && pass "2^63 and 2^63 + 1 differ by 1" || fail "$(cat differs.out)"

# ranks, threads and budgets
slab random normal --shape 700x900 --dtype f4 --seed 1 --chunks 64x64 -q -o l.h5:/x
slab random normal --shape 700x900 --dtype f4 --seed 2 --chunks 700x3 -q -o r.h5:/x
slab random normal --shape 50x40 --seed 3 -q -o l.h5:/g/y
slab random normal --shape 50x40 --seed 3 -q -o r.h5:/g/z
refuses 2 "--memory" "$SLAB" diff l.h5:/x r.h5:/x --memory 1M
slab diff l.h5 r.h5 --atol 1 --rtol 0.1 --worst 25 -@ 1 >one
[ "$(wc -l <one)" -ge 28 ] && pass "much differs" || fail "hardly anything differs"
for n in 1 2 4; do
    for words in "-@ 1 --memory 16M" "-@ 2"; do
        ranks $n diff l.h5 r.h5 --atol 1 --rtol 0.1 --worst 25 $words -q >many 2>/dev/null
        same "the same on $n ranks, $words" one many
    done
done
finish
