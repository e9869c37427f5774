#!/usr/bin/env bash
# slab verify: bad chunks that any rank finds are listed once, in order, whatever the number of ranks.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slab random normal --shape 400x300 --dtype f4 --seed 1 --chunks 20x20 -q -o a.h5:/x
python3 - <<'PY'
data = bytearray(open("a.h5", "rb").read())
at, n = data.find(b"\x28\xb5\x2f\xfd"), 0
while at >= 0:
    if n % 7 == 3:
        data[at + 40] ^= 0x55
    at, n = data.find(b"\x28\xb5\x2f\xfd", at + 4), n + 1
open("a.h5", "wb").write(data)
PY
for form in "" --json; do
    slab verify a.h5 $form -@ 1 >one 2>err
    [ $? = 1 ] || fail "exit code of verify $form"
    for n in 2 4; do
        ranks $n verify a.h5 $form -@ 1 >several 2>err
        [ $? = 1 ] || fail "exit code of verify $form on $n ranks"
        same "verify $form on $n ranks" one several
    done
done
[ "$(json 'len(j["arrays"][0]["bad"])' <one)" -gt 20 ] && pass "many chunks are bad" || fail "$(cat one)"
finish
