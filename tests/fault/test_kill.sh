#!/usr/bin/env bash
# kill -9 at random moments of random, import, pca and copy, on one rank and on two, into new files and
# into files that exist. Afterwards every file is readable by HDF5's own tools and holds what it
# held before, and the new object is there whole or not at all; the same command run again succeeds
# and tidies up.
#
#   SLAB_KILLS=500 SLAB_SEED=7 bash test_kill.sh
set -uo pipefail
: "${SLAB:?the program to test}"
kills=${SLAB_KILLS:-20}
seed=${SLAB_SEED:-$(date +%s)}
RANDOM=$((seed % 32768))
command -v h5diff >/dev/null || { echo "skipped: no h5diff here"; exit 77; }
export SOURCE_DATE_EPOCH=0 LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
echo "$kills kills, SLAB_SEED=$seed"

die() { echo "FAILS kill $trial ($label): $*"; ls -la; exit 1; }

# The input, and a file that exists: old.h5 holds /old.
"$SLAB" random genotypes --shape 1500x6000 --populations 3 --seed 1 -q -o in.h5:/genotypes || exit 1
"$SLAB" export in.h5:/genotypes -q -o in.bed || exit 1
"$SLAB" random integers --shape 300x700 --low 0 --high 99 --seed 2 -q -o old.h5:/old || exit 1

verbs=(random import pca copy)
declare -A words=(
    [random]="random normal --shape 2000x2000 --seed 3 -q -o f.h5:/new"
    [import]="import ../in.bed -q -o f.h5:/new"
    [copy]="copy ../in.h5:/genotypes --chunks 200x200 -q -o f.h5:/new"
    [pca]="pca ../in.h5:/genotypes --standardize genotype -k 4 --memory 256M -q -o f.h5:/new"
)

# launch RANKS VERB: in a session of its own, so that its processes can be told from others
launch() {
    local start=()
    [ "$1" = 1 ] || start=(mpirun --oversubscribe -n "$1")
    # shellcheck disable=SC2086
    setsid "${start[@]}" "$SLAB" ${words[$2]} >log 2>&1 &
    leader=$!
}

session() { ps -o pid= -s "$leader"; }

# The whole results, the same from any number of ranks, and how long they take: seconds[ranks verb].
declare -A seconds
mkdir whole
for verb in "${verbs[@]}"; do
    for n in 4 2 1; do
        cd "$work/whole" || exit 1
        rm -f f.h5
        begin=$(date +%s.%N)
        launch $n "$verb"
        wait "$leader" || { echo "FAILS $verb on $n ranks:"; cat log; exit 1; }
        seconds[$n $verb]=$(echo "$begin $(date +%s.%N)" | awk '{print $2 - $1}')
        if [ -e "$verb.h5" ] && ! h5diff "$verb.h5" f.h5 >diff.log 2>&1; then
            echo "FAILS $verb on $n ranks gives another file than on 4:"
            head -5 diff.log
            exit 1
        fi
        mv f.h5 "$verb.h5"
    done
done
cd "$work" || exit 1

# new_is_whole: f.h5:/new is what an undisturbed run writes
new_is_whole() { h5diff -q f.h5 "../whole/$verb.h5" /new >/dev/null 2>&1; }
old_is_whole() { h5diff -q f.h5 ../old.h5 /old >/dev/null 2>&1; }
# The elements of /new are read by h5diff: as text they would take h5dump minutes.
readable() {
    h5dump -H f.h5 >/dev/null 2>dump.err && { [ "$existed" = 0 ] || h5dump -d /old f.h5 >/dev/null 2>>dump.err; }
}

check() {
    rm -f log
    if compgen -G "*.slab-journal" >/dev/null; then
        echo "      a hot journal"
        "$SLAB" recover f.h5 >log 2>&1 || die "recover fails: $(cat log)"
    fi
    if [ -e f.h5 ]; then
        readable || die "h5dump cannot read f.h5: $(head -3 dump.err)"
        if h5ls f.h5/new >/dev/null 2>&1; then
            new_is_whole || die "/new is there, but not whole"
            state=new
        else
            state=old
        fi
        [ "$existed" = 0 ] || old_is_whole || die "/old is not what it was"
        [ "$existed" = 1 ] || [ $state = new ] || die "a half file under the final name"
    else
        [ "$existed" = 0 ] || die "f.h5 is gone"
        state=nothing
    fi
}

declare -A seen
for ((trial = 0; trial < kills; trial++)); do
    verb=${verbs[trial % 4]}
    n=$((1 + trial / 4 % 2))
    existed=$((trial / 8 % 2))
    label="$verb, $n ranks, existed $existed"
    rm -rf "$work/trial"
    mkdir "$work/trial"
    cd "$work/trial" || exit 1
    [ $existed = 0 ] || cp ../old.h5 f.h5
    # every other one near the end, where the commit is
    pause=$(echo "${seconds[$n $verb]} $RANDOM $((trial % 2))" |
        awk '{r = $2 / 32768; print $1 * ($3 ? 0.6 + 0.5 * r : 1.05 * r)}')
    launch $n "$verb"
    sleep "$pause"
    pids=$(session)
    if [ $n = 2 ] && [ $((RANDOM % 2)) = 0 ]; then # one rank dies, the launcher ends the other
        pids=$(ps -o pid=,comm= -s "$leader" | awk '$2 == "slab" {print $1; exit}')
    fi
    # shellcheck disable=SC2086
    [ -z "$pids" ] || kill -9 $pids 2>/dev/null
    wait "$leader" 2>/dev/null
    while [ -n "$(session)" ]; do sleep 0.05; done
    check
    seen[$state]=$((${seen[$state]:-0} + 1))
    echo "ok    kill $trial ($label) after $pause s: $state"
    if [ $state != new ]; then
        launch 1 "$verb"
        wait "$leader" || die "the same command fails afterwards: $(cat log)"
        check
        [ $state = new ] || die "the same command afterwards wrote nothing"
        rm -f log dump.err
        [ "$(ls -A)" = f.h5 ] || die "something is left: $(ls -A)"
    fi
    cd "$work" || exit 1
done
echo "states found: nothing ${seen[nothing]:-0}, old ${seen[old]:-0}, new ${seen[new]:-0}"
