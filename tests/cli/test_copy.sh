#!/usr/bin/env bash
# slab copy: packed, by elements and whole; on any ranks; what it refuses; memory.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slab random normal --shape 700x900 --dtype f4 --seed 1 --chunks 64x64 -q -o a.h5:/g/x
slab random integers --shape 5000 --low 0 --high 9 --filter gzip -q -o a.h5:/n
slab random genotypes --shape 60x300 --populations 2 --missing-rate 0.1 -q -o a.h5:/calls
slab attr a.h5:/g/x units=K 'scales=[1,2]'
slab attr a.h5 title=all

# what is copied as it is
slab copy a.h5 -o b.h5 && slab diff a.h5 b.h5 --strict >out && pass "a file and its copy" || { fail "a file and its copy"; cat out; }
for path in /g/x /n /calls; do
    slab info a.h5:$path --json | json 'j["chunks"], j["filters"], j["stored_bytes"], j["type"]' >one
    slab info b.h5:$path --json | json 'j["chunks"], j["filters"], j["stored_bytes"], j["type"]' >two
    same "$path is stored as it was" one two
done
check "verify" "$SLAB" verify b.h5
check "h5dump" h5dump -H b.h5
[ "$(slab attr b.h5:/g/x units)" = K ] && pass "attributes come along" || fail "attributes"
slab attr b.h5 slab_command | grep -q 'slab copy a.h5' && pass "provenance" || fail "provenance"
slab attr b.h5:/g/x slab_command | grep -q 'slab random' && pass "also of what was there before" || fail "provenance of arrays"
slab copy a.h5 -o c.h5 --dry-run >plan
grep -q 'copied as packed chunks; their checksums are not looked at' plan && pass "the plan says so" || fail "$(cat plan)"

# damaged chunks are carried along: nothing is decoded
cp a.h5 d.h5
python3 - <<'PY'
data = bytearray(open("d.h5", "rb").read())
at = data.find(b"\x28\xb5\x2f\xfd")
data[at + 20] ^= 0x55
open("d.h5", "wb").write(data)
PY
slab copy d.h5 -o e.h5 && pass "a damaged file is copied" || fail "a damaged file is not copied"
slab verify e.h5 >verify.out
[ $? = 1 ] && grep -q 'is bad' verify.out && pass "and verify sees it in the copy" || fail "the damage is gone"
refuses 2 "checksum|zstd" "$SLAB" copy d.h5 -o f.h5 --filter gzip
[ ! -e f.h5 ] && pass "no output" || fail "an output is left"

# elements
slab copy a.h5:/g/x -o s.h5 --chunks 700x3 --filter lz4 && slab diff a.h5:/g/x s.h5:/g/x >out && pass "other chunks" || fail "other chunks"
slab copy 'a.h5:/g/x[10:600:7, ::-1]' -o s.h5:/part && slab diff 'a.h5:/g/x[10:600:7, ::-1]' s.h5:/part >out && pass "a selection" || fail "a selection"
slab copy a.h5:/n -o s.h5:/n8 --dtype f8 && slab diff a.h5:/n s.h5:/n8 >out && pass "another type" || fail "another type"
slab copy a.h5:/calls -o s.h5:/calls --chunks 10x10 && slab diff a.h5:/calls s.h5:/calls --strict >out && pass "2-bit genotypes" || fail "2-bit genotypes"
[ "$(slab info s.h5:/calls --json | json 'j["missing"]')" = 3 ] && pass "their missing code" || fail "the missing code is gone"

# space comes back
slab rm -r b.h5:/g >/dev/null
before=$(stat -c %s b.h5)
slab copy b.h5 -o small.h5
[ "$(stat -c %s small.h5)" -lt $((before / 4)) ] && pass "a copy is smaller" || fail "a copy is not smaller"

# within a file, and over what is there
check "within a file" "$SLAB" copy a.h5:/g -o a.h5:/h
slab diff a.h5:/g a.h5:/h >out && pass "the same" || { fail "within a file"; cat out; }
slab random normal --shape 3 -q -o a.h5:/h/more
check "a group is replaced" "$SLAB" copy a.h5:/g -o a.h5:/h --force
[ "$(slab ls -r a.h5:/h --json | json '[o["path"] for o in j]')" = "['/h/x']" ] && pass "as a whole" || fail "$(slab ls -r a.h5:/h)"

cp a.h5 before.h5
refuses 2 "the output 'a.h5' is the input" "$SLAB" copy a.h5 -o a.h5 --force
refuses 2 "exists and is not empty" "$SLAB" copy a.h5 -o a.h5
refuses 2 "is an input|is the input" "$SLAB" copy a.h5:/n -o a.h5:/n --force
refuses 2 "is an input" "$SLAB" copy a.h5:/g/x -o a.h5:/g --force
refuses 2 "exists already; --force" "$SLAB" copy a.h5:/n -o a.h5:/calls
refuses 2 "no '/nothing' in" "$SLAB" copy a.h5:/nothing -o z.h5
refuses 2 "has 3 axes; the copy has 2" "$SLAB" copy a.h5:/g/x -o z.h5 --chunks 3x3x3
refuses 2 "--dtype is for one array" "$SLAB" copy a.h5 -o z.h5 --dtype f4
refuses 2 "needs -o" "$SLAB" copy a.h5
refuses 2 "is a group, not an array" "$SLAB" copy 'a.h5:/g[0]' -o z.h5
refuses 2 "outside" "$SLAB" copy 'a.h5:/n[5000]' -o z.h5
refuses 2 "--memory" "$SLAB" copy a.h5:/g/x -o z.h5 --chunks 700x900 --memory 3M
same "what is refused changes nothing" before.h5 a.h5
ls -A | grep -q 'slab-\|^z.h5' && fail "something is left: $(ls -A)" || pass "and leaves nothing"

# ranks, threads and budgets
for words in "" "--chunks 100x50" "--chunks 700x7 --filter gzip"; do
    slab copy a.h5 -o one.h5 $words -@ 1 --force -q
    for n in 1 2 4; do
        ranks $n copy a.h5 -o many.h5 $words -@ 2 --memory 64M --force -q
        slab diff one.h5 many.h5 --strict >out && pass "copy $words on $n ranks" || { fail "copy $words on $n ranks"; cat out; }
        rm -f many.h5
    done
    rm -f one.h5
done
ranks 2 copy a.h5:/n -o collective.h5 --backend collective -q
slab diff a.h5:/n collective.h5:/n >out && pass "the collective backend" || { fail "the collective backend"; cat out; }

# memory
if ! is_sanitized; then
    slab random normal --shape 4000x4000 --chunks 20x4000 -q --no-sync -o l.h5:/x
    for words in "" "--chunks 4000x20" "--filter gzip:1"; do
        rm -f m.h5
        kib=$(python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$SLAB" copy l.h5 -o m.h5 $words --memory 32M --no-sync -q)
        [ "$kib" -lt $(((32 + 64) << 10)) ] && pass "copy $words within 32M: $kib KiB" || fail "copy $words takes $kib KiB"
        slab diff l.h5 m.h5 --memory 32M >out && pass "the same" || fail "copy $words differs"
    done
fi
finish
