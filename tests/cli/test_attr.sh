#!/usr/bin/env bash
# slab attr: what is written is what is read, whole or not at all.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slab random integers --shape 7 --low 0 --high 9 -q -o a.h5:/x
for name in slab_command slab_date slab_inputs slab_seed slab_version; do
    check "delete $name" "$SLAB" attr a.h5:/x --delete $name
done
[ -z "$(slab attr a.h5:/x)" ] && pass "no attribute is left" || fail "$(slab attr a.h5:/x)"
check "one of every kind" "$SLAB" attr a.h5:/x n=-3 big=18446744073709551615 f=0.1 'l=[1,2,3]' \
    'r=[1,2.5]' 't=["a","bcd"]' 'b=[true,false]' yes=true 'v="1"' units=m/s none= 'e=[]'
slab attr a.h5:/x | golden attr
slab attr a.h5:/x --json | golden attr-json
[ "$(slab attr a.h5:/x units)" = m/s ] && pass "one alone" || fail "one alone"
[ "$(slab attr a.h5:/x l --json | json 'j')" = "[1, 2, 3]" ] && pass "one as JSON" || fail "one as JSON"

check "a stated type" "$SLAB" attr a.h5:/x code=255 --dtype u1
check "a text of stated length" "$SLAB" attr a.h5:/x version=1.0 --dtype S8
h5dump -a /x/code a.h5 | grep -q H5T_STD_U8LE && pass "u1 in the file" || fail "u1 in the file"
h5dump -a /x/version a.h5 | grep -q 'STRSIZE 8' && pass "S8 in the file" || fail "S8 in the file"
check "another value" "$SLAB" attr a.h5:/x n=4
[ "$(slab attr a.h5:/x n)" = 4 ] && pass "a value is replaced" || fail "a value is replaced"
check "of the root group" "$SLAB" attr a.h5 title=all
[ "$(slab attr a.h5:/)" = "title = all" ] && pass "the root's attribute" || fail "the root's attribute"

slab attr a.h5:/x >before
refuses 2 "'code': 256 does not fit uint8" "$SLAB" attr a.h5:/x n=5 code=256 --dtype u1
refuses 2 "'code': 1.5 does not fit int32" "$SLAB" attr a.h5:/x code=1.5 --dtype i4
refuses 2 "'s': 'abcd' is longer than S3" "$SLAB" attr a.h5:/x s=abcd --dtype S3
refuses 2 "'s': a text is no float32" "$SLAB" attr a.h5:/x s=abc --dtype f4
refuses 2 "not a mixture" "$SLAB" attr a.h5:/x 'l=[1,"a"]'
refuses 2 "is not JSON" "$SLAB" attr a.h5:/x 'l=[1,'
refuses 2 "a value is a number" "$SLAB" attr a.h5:/x 'l={"a":1}'
refuses 2 "does not fit 64 bits" "$SLAB" attr a.h5:/x n=99999999999999999999
refuses 2 "no name before" "$SLAB" attr a.h5:/x =3
refuses 2 "print or set, not both" "$SLAB" attr a.h5:/x n=3 f
refuses 2 "no attribute 'nothing': it has" "$SLAB" attr a.h5:/x nothing
refuses 2 "no attribute 'nothing': it has" "$SLAB" attr a.h5:/x --delete n nothing
refuses 2 "--delete needs the names" "$SLAB" attr a.h5:/x --delete
refuses 2 "no '/y' in" "$SLAB" attr a.h5:/y
refuses 2 "no '/y' in" "$SLAB" attr a.h5:/y n=3
refuses 2 "64000" "$SLAB" attr a.h5:/x t="$(head -c 70000 /dev/zero | tr '\0' x)"
slab attr a.h5:/x >after
same "what is refused changes nothing" before after
finish
