#!/usr/bin/env bash
# Ranks that are not alike: other numbers of threads, as on nodes of other sizes; a call for a file that
# fails on one rank alone; a folder that each node has for itself. What can be done is done, with the
# result of one rank; what cannot ends on all ranks, with one line, and nothing hangs.
#
#   SLAB_OPENS=20 SLAB_FAULT_ONLY='diff|copy' bash test_unlike.sh
NEEDS_SHIM=1 . "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$SLAB_SOURCE/tests/cli/calls.sh"
export SOURCE_DATE_EPOCH=0 LC_ALL=C
MOST=60 # seconds, of which 10 are the time that a rank gives the others to come
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
call_inputs 600 500 64x70 1 || exit 1
mkdir one two
failures=0
fail() { echo "FAILS $*"; sed 's/^/      /' err | head -5; failures=$((failures + 1)); }
# on: words of a launcher, for ranks that share this machine
on() { timeout -s KILL $MOST mpirun --bind-to none --oversubscribe "$@" </dev/null; }
lines_of_slab() { grep -c '^slab: ' err; }

tried=0
while IFS=$'\t' read -r key does _ ranks words; do
    [ "$ranks" = ranks ] && [[ -z "${SLAB_FAULT_ONLY:-}" || $key =~ ^(${SLAB_FAULT_ONLY:-})$ ]] || continue
    verb=${key%%/*}
    rm -rf one && mkdir one
    # shellcheck disable=SC2086
    "$SLAB" $verb ${words//PLACE/one} >one.out 2>err || { fail "$key on one rank"; continue; }
    rm -rf two && mkdir two
    # shellcheck disable=SC2086
    on -n 1 "$SLAB" $verb ${words//PLACE/two} -@ 1 : \
        -n 1 "$SLAB" $verb ${words//PLACE/two} -@ 3 >two.out 2>err
    code=$?
    tried=$((tried + 1))
    [ $code = 0 ] || fail "$key with 1 and 3 threads ends with $code"
    if [ "$does" = reads ]; then
        diff <(sed 's|two/|one/|g' two.out) one.out >/dev/null || fail "$key with 1 and 3 threads prints something else"
    fi
    for file in two/*.h5; do
        [ ! -e "$file" ] || "$SLAB" diff -q "$file" "one/$(basename "$file")" >/dev/null 2>err ||
            fail "$key with 1 and 3 threads: another result"
    done
done < <(call_table PLACE/out 600x500 64x70 | sed 's/\t\t/\t-\t/') # read takes two tabs for one
echo "$tried runs of unlike threads"

# Each file that the second rank opens, in turn, cannot be opened by it.
opened=0
for key in stat verify diff export/csv export/bed export calc pca reduce copy; do
    [[ -z "${SLAB_FAULT_ONLY:-}" || $key =~ ^(${SLAB_FAULT_ONLY:-})$ ]] || continue
    for ((n = 1; n <= ${SLAB_OPENS:-5}; n++)); do
        rm -rf two stamp && mkdir two
        words=$(call_words "$key" two/out 600x500 64x70)
        # shellcheck disable=SC2086
        FAULT_ROOT=$work FAULT_CALL=open FAULT_DO=5 FAULT_AT=$n FAULT_RANK=1 FAULT_STAMP=$work/stamp \
            on -n 2 -x LD_PRELOAD="$SLAB_FAULT_SHIM" "$SLAB" ${key%%/*} $words -@ 1 -q >two.out 2>err
        code=$?
        [ -e stamp ] || break
        opened=$((opened + 1))
        if [ $code != 0 ]; then
            [ $code = 2 ] || fail "$key: open $n of rank 1 fails: it ends with $code"
            [ "$(lines_of_slab)" = 1 ] || fail "$key: open $n of rank 1 fails: not one line"
            grep -q '^slab: rank 1: ' err || fail "$key: open $n of rank 1 fails: the rank is not named"
        fi
    done
done
echo "$opened opens that fail on one rank"

# A folder that is another one for each rank, and an input of which one node has less.
if [[ -z "${SLAB_FAULT_ONLY:-}" ]] && unshare -m true 2>/dev/null; then
    mkdir own place && cp x.h5 place/out.h5 && cp x.h5 own/out.h5
    apart="mount --bind $work/own $work/place && exec \"\$@\""
    on -n 1 "$SLAB" random normal --shape 600x500 --chunks 64x70 -o place/out.h5:/new : \
        -n 1 unshare -m bash -c "$apart" _ "$SLAB" random normal --shape 600x500 --chunks 64x70 -o place/out.h5:/new \
        >/dev/null 2>err
    code=$?
    [ $code = 2 ] && grep -q 'is not the same file on all ranks' err || fail "an output in folders of their own: $code"
    "$SLAB" diff -q place/out.h5 x.h5 && "$SLAB" diff -q own/out.h5 x.h5 || fail "an output in folders of their own was changed"
    truncate -s -100 own/out.h5
    on -n 1 "$SLAB" stat place/out.h5:/x : -n 1 unshare -m bash -c "$apart" _ "$SLAB" stat place/out.h5:/x >/dev/null 2>err
    code=$?
    [ $code = 2 ] && grep -q 'is not the same file on all ranks' err || fail "an input that is shorter on one node: $code"
    on -n 1 "$SLAB" stat x.h5:/x --scratch . : -n 1 "$SLAB" stat x.h5:/x --scratch ./nowhere >/dev/null 2>err
    code=$?
    [ $code = 2 ] && grep -q "rank 1: --scratch './nowhere' is not a folder" err || fail "a scratch folder that one rank lacks: $code"
fi
[ -n "${SLAB_FAULT_ONLY:-}" ] || { [ $tried -gt 12 ] && [ $opened -gt 20 ]; } || fail "too little was tried"
[ $failures = 0 ]
