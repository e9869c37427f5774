#!/usr/bin/env bash
# What commands print, compared with files; the numbers were worked out by hand from the small
# inputs here. GOLDEN=write makes the files anew.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

printf 'a,b,c\n1,2,3\n4,,6.5\n7,-8,0\n' >t.csv
touch -d @1000000000 t.csv
slab import t.csv -o t.h5:/group/t --chunks 2x2 -q
slab import t.csv --dtype f4 -o t.h5:/f4 --filter gzip:6 -q
slab random integers --shape 7 --low -3 --high 4 --dtype '>i2' --seed 5 -q -o t.h5:/i2
slab random genotypes --shape 6x9 --populations 2 --missing-rate 0.2 -q -o t.h5:/g

sizes() { sed -E 's/[0-9]+ B of/N B of/; s/ratio [0-9.]+/ratio R/; s/[0-9.]+ (B|KiB)$/N \1/; s/"(stored_bytes|file_bytes)": [0-9]+/"\1": N/; s/"ratio": [0-9.]+/"ratio": R/'; }
slab ls t.h5 | golden ls
slab ls -r -l t.h5 | sizes | golden ls-long
slab ls t.h5 --json | sizes | golden ls-json
slab info t.h5:/group/t | sizes | golden info
slab info t.h5:/group/t --json | sizes | golden info-json
slab info t.h5 | sizes | golden info-file
slab dump t.h5:/group/t | golden dump
slab dump 't.h5:/group/t[::-1, 1:]' | golden dump-selection
slab dump t.h5:/f4 | golden dump-f4
slab dump t.h5:/g.samples/fid | golden dump-text
slab head -n 2 -c 1 t.h5:/group/t | golden head
slab stat t.h5:/group/t --json | golden stat-json
slab stat t.h5:/group/t | golden stat
slab stat t.h5:/group/t --axis 0 | golden stat-axis
slab stat t.h5:/group/t --axis 0 --json | golden stat-axis-json
slab verify t.h5 | golden verify
slab verify t.h5 --json | golden verify-json
slab recover t.h5 | golden recover
slab export t.h5:/group/t --format csv -o - | golden export-csv

# stat by hand: 1 2 3 / 4 NaN 6.5 / 7 -8 0 has mean 15.5/8 and sum of squares 185.25
slab stat t.h5:/group/t --json >stat.json
[ "$(json 'j["count"], j["missing"], j["min"], j["max"], j["zeros"], j["mean"]' <stat.json)" = "(8, 1, -8.0, 7.0, 1, 1.9375)" ] &&
    pass "stat by hand" || fail "stat by hand: $(cat stat.json)"
[ "$(json 'abs(j["var"] - (185.25 / 8 - 1.9375 ** 2)) < 1e-13 and abs(j["std"] - j["var"] ** .5) < 1e-14' <stat.json)" = True ] &&
    pass "variance by hand" || fail "variance by hand"

# a damaged chunk is named by its coordinates, and the others are not
cp t.h5 bad.h5
python3 - <<'PY' || exit 1
import json, subprocess, os
data = bytearray(open("bad.h5", "rb").read())
# the chunk [1, 0] of /group/t is the third zstd frame that holds three rows' edge: flip a byte in
# every frame of that array until verify names just [1, 0]
slab = os.environ["SLAB"]
frames = [i for i in range(len(data)) if data[i:i + 4] == b"\x28\xb5\x2f\xfd"]
hits = set()
for at in frames:
    broken = bytearray(data)
    broken[at + 9] ^= 0x55
    open("bad.h5", "wb").write(broken)
    ran = subprocess.run([slab, "verify", "bad.h5:/group/t", "--json"], capture_output=True, text=True)
    bad = [tuple(b["chunk"]) for a in json.loads(ran.stdout)["arrays"] for b in a["bad"]]
    assert ran.returncode == (1 if bad else 0), ran
    assert len(bad) <= 1, bad
    hits.update(bad)
assert hits == {(0, 0), (0, 1), (1, 0), (1, 1)}, hits
PY
[ $? = 0 ] && pass "verify names each damaged chunk of four, and no other" || fail "verify and damage"
finish
