#!/usr/bin/env bash
# slab rm: what is named goes, all else stays; what is refused changes nothing.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slab random normal --shape 400x300 -q -o a.h5:/g/x
slab random normal --shape 40x30 -q -o a.h5:/g/deep/z
slab random normal --shape 400x300 --seed 2 -q -o a.h5:/y
slab random normal --shape 30 -q -o a.h5:/z
slab random normal --shape 30 -q -o b.h5:/x
slab dump a.h5:/z >z

cp a.h5 before.h5
refuses 2 "'a.h5:/g' is a group: -r removes it" "$SLAB" rm a.h5:/y a.h5:/g
refuses 2 "is the whole file" "$SLAB" rm a.h5
refuses 2 "is the whole file" "$SLAB" rm -r a.h5:/
refuses 2 "no '/nothing' in" "$SLAB" rm a.h5:/y a.h5:/nothing
refuses 2 "takes no selection" "$SLAB" rm 'a.h5:/y[0:3]'
refuses 2 "needs FILE" "$SLAB" rm
same "what is refused changes nothing" before.h5 a.h5

stored=$(slab info a.h5:/y --json | json 'j["stored_bytes"]')
slab rm a.h5:/y --json >one.json
[ "$(json "j[0]['objects'], j[0]['removed'], $stored <= j[0]['bytes'] < $stored + 4096" <one.json)" = "(1, ['/y'], True)" ] &&
    pass "the bytes of an array" || fail "the bytes of an array: $(cat one.json), stored $stored"
slab rm -r a.h5:/g/deep/ a.h5:/g b.h5:/x a.h5:/g/x >out
[ "$(grep -c '^removed' out)" = 2 ] && grep -q '^4 objects, .* of a.h5' out && grep -q '^1 object, .* of b.h5' out &&
    pass "two files at once" || { fail "two files at once"; cat out; }
[ "$(slab ls -r a.h5 --json | json '[o["path"] for o in j]')" = "['/z']" ] && pass "the others are there" || fail "$(slab ls -r a.h5)"
slab dump a.h5:/z >after
same "and whole" z after
check "h5dump reads it" h5dump -H a.h5
check "a name can be used again" "$SLAB" random normal --shape 40x30 -q -o a.h5:/y
finish
