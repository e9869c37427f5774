#!/usr/bin/env bash
# Runs that are killed or stopped at random moments, and continued by the same command on another
# number of ranks and threads, again and again until they end: the result is that of a run that was
# never stopped, and what was there is not done again. Then what must be refused.
#
#   SLAB_RESUMES=100 SLAB_SEED=7 bash test_resume.sh
set -uo pipefail
: "${SLAB:?the program to test}" "${SLAB_FAULT_SHIM:?the library that holds it still}"
trials=${SLAB_RESUMES:-12}
seed=${SLAB_SEED:-$(date +%s)}
RANDOM=$((seed % 32768))
command -v h5dump >/dev/null || { echo "skipped: no h5dump here"; exit 77; }
export SOURCE_DATE_EPOCH=0 LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
echo "$trials trials, SLAB_SEED=$seed"

die() { echo "FAILS trial $trial ($label): $*"; ls -la; tail -5 log; exit 1; }

"$SLAB" random genotypes --shape 2000x12000 --populations 3 --seed 1 -q -o in.h5:/genotypes || exit 1
"$SLAB" export in.h5:/genotypes -q -o in.bed || exit 1
"$SLAB" random normal --shape 2000x2500 --chunks 200x250 --seed 2 -q -o x.h5:/x || exit 1
"$SLAB" random integers --shape 300x700 --low 0 --high 99 --seed 2 -q -o old.h5:/old || exit 1

verbs=(random calc copy import pca exact reduce)
declare -A words=(
    [random]="random normal --shape 2000x2000 --chunks 100x100 --filter zstd:12 --seed 3 -o f.h5:/new"
    [calc]="calc (x-mean(x,axis=0))/std(x,axis=0)+cumsum(x,axis=1) x=../x.h5:/x --chunks 100x100 --filter zstd:9 -o f.h5:/new"
    [copy]="copy ../x.h5:/x --chunks 100x125 --filter zstd:12 -o f.h5:/new"
    [import]="import ../in.bed --chunks 500x500 --filter zstd:15 -o f.h5:/new"
    [pca]="pca ../in.h5:/genotypes --method randomized --tolerance 0 --passes 12 -k 6 -q -o f.h5:/new"
    [exact]="pca ../in.h5:/genotypes --method exact -k 6 -q -o f.h5:/new"
    [reduce]="reduce mean,std,max ../x.h5:/x --axis 0 -o f.h5:/new"
)

# launch RANKS THREADS VERB [OPTION ...]: in a session of its own; its words have no blanks
launch() {
    local n=$1 threads=$2 verb=$3 start=()
    shift 3
    [ "$n" = 1 ] || start=(mpirun --oversubscribe -n "$n")
    # shellcheck disable=SC2086
    setsid "${start[@]}" "$SLAB" ${words[$verb]} -v -@ "$threads" "$@" >log 2>&1 &
    leader=$!
}
# alike FILE FILE PATH: every element of every array is, and HDF5 reads the file
alike() { h5dump -H "$1" >/dev/null 2>&1 && "$SLAB" diff "$1:$3" "$2:$3" -q >/dev/null 2>&1; }
session() { ps -o pid= -s "$leader"; }
# those that have ended and are not waited for yet have ended
slabs() { ps -o pid=,stat=,comm= -s "$leader" | awk '$3 == "slab" && $2 !~ /^Z/ {print $1}'; }

# await: the exit code of what was launched. Ranks that hang are a failure; Open MPI's launcher alone,
# which waits for ever when a rank dies before it has started, is not ours.
await() {
    local alone=0 waited=0
    while kill -0 "$leader" 2>/dev/null && [ "$(ps -o stat= -p "$leader" | cut -c1)" != Z ]; do
        sleep 0.05
        waited=$((waited + 1)) alone=$((alone + 1))
        [ -z "$(slabs)" ] || alone=0
        [ $waited -lt 1200 ] || die "it hangs"
        [ $alone -lt 100 ] || kill -9 "$leader"
    done
    wait "$leader" 2>/dev/null
}

declare -A seconds
mkdir whole
for verb in "${verbs[@]}"; do
    cd "$work/whole" || exit 1
    rm -f f.h5
    begin=$(date +%s.%N)
    launch 1 2 "$verb"
    wait "$leader" || { echo "FAILS $verb:"; cat log; exit 1; }
    seconds[$verb]=$(echo "$begin $(date +%s.%N)" | awk '{print $2 - $1}')
    mv f.h5 "$verb.h5"
done
cd "$work" || exit 1

# interrupt HOW: kill -9 of all; a signal to one rank; the signal that mpirun passes on; two signals
interrupt() {
    local pids
    case $1 in
    kill) pids=$(session) && kill -9 $pids 2>/dev/null ;;
    term) kill -TERM "$(slabs | shuf -n 1 --random-source=<(yes $RANDOM))" 2>/dev/null ;;
    int) kill -INT "$(slabs | head -1)" 2>/dev/null ;;
    usr1) kill -USR1 "$leader" 2>/dev/null ;;
    twice) pids=$(slabs) && kill -TERM $pids 2>/dev/null && sleep 0.01 && kill -TERM $pids 2>/dev/null ;;
    esac
}

kept=0 stopped=0 again=0
ways=(kill term usr1 kill int twice)
for ((trial = 0; trial < trials; trial++)); do
    verb=${verbs[trial % ${#verbs[@]}]}
    existed=$((trial / ${#verbs[@]} % 2))
    label="$verb, existed $existed"
    rm -rf "$work/trial"
    mkdir "$work/trial"
    cd "$work/trial" || exit 1
    [ $existed = 0 ] || cp ../old.h5 f.h5
    for ((run = 0; ; run++)); do
        n=$((1 + RANDOM % 3)) threads=$((1 + RANDOM % 2)) how=${ways[RANDOM % ${#ways[@]}]}
        label="$verb, existed $existed, run $run: $n ranks, $threads threads, $how"
        launch $n $threads "$verb"
        if [ $run -lt 4 ]; then
            sleep "$(echo "${seconds[$verb]} $RANDOM" | awk '{print 0.05 + $1 * 0.8 * $2 / 32768}')"
            interrupt $how
        fi
        await
        code=$?
        while [ -n "$(session)" ]; do sleep 0.05; done
        found=$(sed -nE 's/.*: ([0-9]+) of [0-9]+ chunks are there already/\1/p' log | head -1)
        kept=$((kept + ${found:-0}))
        again=$((again + $(grep -c 'goes on from its checkpoint' log)))
        [ $code != 0 ] || break
        if [ $code = 75 ]; then
            grep -q 'the same command continues' log || die "75 without a word"
            stopped=$((stopped + 1))
        elif [ $code -gt 128 ] && [ $n -gt 1 ]; then
            : # the launcher was ended
        elif [ $how != kill ] && [ $how != twice ] && [ $n = 1 ]; then
            die "exit code $code"
        elif [ $run -ge 4 ]; then
            die "exit code $code though nobody stopped it"
        fi
        [ $existed = 0 ] || alike f.h5 ../old.h5 /old || die "/old is not what it was"
        compgen -G '*.slab-journal' >/dev/null && continue
        if [ -e f.h5 ] && { [ $existed = 0 ] || h5ls f.h5/new >/dev/null 2>&1; }; then
            # killed behind the commit: the result is whole, which is looked at below
            "$SLAB" recover f.h5 >/dev/null 2>&1 || die "what is left is not tidied up"
            break
        fi
    done
    alike f.h5 "../whole/$verb.h5" /new || die "another result than that of one run"
    [ $existed = 0 ] || alike f.h5 ../old.h5 /old || die "/old is not what it was"
    [ "$(ls -A)" = "$(printf 'f.h5\nlog')" ] || die "something is left: $(ls -A)"
    echo "ok    trial $trial ($verb, existed $existed) after $run interruptions"
    cd "$work" || exit 1
done
echo "$stopped stops, $kept chunks kept, $again passes continued"
[ $kept -gt 0 ] || { echo "FAILS no chunk was ever kept"; exit 1; }

# --- what is refused, on a run that is stopped half way ---
if grep -q '__tsan_init' "$SLAB"; then
    echo "without what is refused: the thread sanitizer does not share its place with a preloaded library"
    exit 0
fi
rm -rf "$work/trial"
mkdir "$work/trial"
cd "$work/trial" || exit 1
trial=refusals label=
cp ../x.h5 y.h5
words[change]="copy y.h5:/x --chunks 100x125 --filter zstd:12 -o f.h5:/new"
# hold: launches it, and holds it still when the first of its chunks are being logged
hold() {
    FAULT_ROOT=$PWD FAULT_DO=stop FAULT_CALL=write FAULT_AT=7 LD_PRELOAD=$SLAB_FAULT_SHIM launch 1 1 change
    until [ "$(ps -o stat= -p "$leader" | cut -c1)" = T ]; do
        kill -0 "$leader" 2>/dev/null || die "it is through without being held"
        sleep 0.02
    done
}
halt() {
    hold
    kill -TERM "$leader"
    kill -CONT "$leader"
    wait "$leader"
    [ $? = 75 ] || die "it was not stopped half way"
}
refuses() { # PATTERN WORD...
    local pattern=$1
    shift
    "$SLAB" "$@" >out 2>log
    [ $? = 2 ] || die "'$*' is not refused"
    grep -qE -- "$pattern" log || die "'$*' says: $(cat log)"
    [ "$(grep -c '^slab: ' log)" = 1 ] || die "more than one line: $(cat log)"
    echo "ok    refused: $(cut -c1-150 log)"
}
halt
done_before=$(sed -nE 's/.*; ([0-9]+) of [0-9]+ chunks are written.*/\1/p' log)
[ "${done_before:-0}" -gt 0 ] || die "nothing was written"
# shellcheck disable=SC2086
refuses "option filter is zstd:3, and was zstd:12.*--no-resume" ${words[change]/zstd:12/zstd:3}
refuses "verb is random, and was copy" random normal --shape 5x5 -o f.h5:/new
refuses "argument 1 is .*x.h5:/x, and was y.h5:/x" copy ../x.h5:/x --chunks 100x125 --filter zstd:12 -o f.h5:/new
touch -d '2001-01-01' y.h5
# shellcheck disable=SC2086
refuses "input 1.time is .*, and was" ${words[change]}
"$SLAB" jobs | grep -q 'f.h5: copy, [1-9][0-9]*% of' || die "slab jobs: $("$SLAB" jobs)"
launch 1 1 change --no-resume
wait "$leader" || die "--no-resume"
! grep -q 'there already' log || die "--no-resume takes something over"
alike f.h5 ../whole/copy.h5 /new || die "another result"
rm -f f.h5
halt
hold
# shellcheck disable=SC2086
refuses "writing it|being written" ${words[change]}
refuses "being written" clean f.h5
kill -CONT "$leader"
wait "$leader" || die "it does not go on"
found=$(sed -nE 's/.*: ([0-9]+) of [0-9]+ chunks are there already/\1/p' log | head -1)
rm f.h5
# bytes that a disk has lost are found, and their chunk alone is computed again, by the same run
for n in 1 2; do
    halt
    printf 'lost' | dd of=.f.h5.slab-part bs=1 seek=4200 conv=notrunc status=none
    launch $n 1 change
    await || die "it does not go on over a chunk that is not whole: $(cat log)"
    grep -q '1 of the [0-9]* chunks that an earlier run has left is not whole' log || die "it says: $(cat log)"
    mapfile -t found < <(sed -nE "s/.*: ([0-9]+) of [0-9]+ chunks are there already/\\1/p" log)
    [ ${#found[@]} = 2 ] && [ "${found[1]}" = 399 ] || die "not one alone is put again: ${found[*]}"
    alike f.h5 ../whole/copy.h5 /new || die "another result"
    rm f.h5
done
halt
"$SLAB" clean f.h5 >log || die "slab clean"
[ "$(ls -A)" = "$(printf 'log\nout\ny.h5')" ] || die "slab clean leaves something: $(ls -A)"

# every file of a set is an input, whichever is named
rm -rf "$work/trial"
mkdir "$work/trial"
cd "$work/trial" || exit 1
cp ../in.bed ../in.bim ../in.fam .
words[change]="import in.bim --chunks 200x200 --filter zstd:12 -o f.h5:/new"
halt
touch -d '2001-01-01' in.bed
# shellcheck disable=SC2086
refuses "input [0-9].time is .*, and was" ${words[change]}
echo "ok    refusals, --no-resume, two at once, bytes lost, slab clean"
