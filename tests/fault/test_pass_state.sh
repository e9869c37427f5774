#!/usr/bin/env bash
# A pass that was stopped half way goes on, and is killed at every single write until it has ended,
# those among them with which it keeps what it has come to a second time. The run after that comes to
# what one undisturbed run does. For a reduction, a Gram matrix and products.
set -uo pipefail
: "${SLAB:?the program to test}" "${SLAB_FAULT_SHIM:?the library that kills it}"
NEEDS_SHIM=1 . "$(dirname "${BASH_SOURCE[0]}")/common.sh"
export SOURCE_DATE_EPOCH=0 LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

die() { echo "FAILS $label: $*"; ls -la; tail -5 log; exit 1; }

"$SLAB" random normal --shape 500x8000 --dtype f4 --chunks 250x1000 --filter none --seed 2 -q -o x.h5:/x || exit 1
"$SLAB" random normal --shape 4000x1000 --dtype f4 --chunks 250x1000 --filter none --seed 2 -q -o x.h5:/tall || exit 1

# halt AT WORD...: stopped while it does its AT-th read
halt() {
    local at=$1 leader
    shift
    FAULT_ROOT=$PWD FAULT_DO=stop FAULT_CALL=read FAULT_AT=$at LD_PRELOAD=$SLAB_FAULT_SHIM "$SLAB" "$@" >log 2>&1 &
    leader=$!
    until [ "$(ps -o stat= -p $leader | cut -c1)" = T ]; do
        kill -0 $leader 2>/dev/null || die "it is through without being held"
        sleep 0.02
    done
    kill -TERM $leader
    kill -CONT $leader
    wait $leader
    [ $? = 75 ] || die "it was not stopped half way"
}

# walk NAME AT STOPPED-IN WORD...: the output is f.h5, and the input is x.h5
walk() {
    local name=$1 at=$2 in=$3 n code again=0
    shift 3
    label=$name
    mkdir "$work/$name" "$work/$name/trial"
    cd "$work/$name/trial" || exit 1
    cp ../../x.h5 .
    "$SLAB" "$@" -q >log 2>&1 || die "it does not run"
    mv f.h5 ../whole.h5
    halt "$at" "$@"
    grep -qE "with [1-9][0-9]*% of '$in' done" log || die "it was stopped elsewhere"
    cp -a . ../stopped
    for ((n = 1; ; n++)); do
        label="$name, killed at write $n"
        cd .. && rm -rf trial && cp -a stopped trial && cd trial || exit 1
        FAULT_ROOT=$PWD FAULT_DO=kill FAULT_CALL=write FAULT_AT=$n LD_PRELOAD=$SLAB_FAULT_SHIM \
            "$SLAB" "$@" >log 2>&1
        code=$?
        [ $code = 0 ] || [ $code = 137 ] || die "exit code $code"
        if [ $code = 137 ]; then
            "$SLAB" recover f.h5 >/dev/null 2>&1
            [ -e f.h5 ] || "$SLAB" "$@" -v >log 2>&1 || die "it does not go on"
            again=$((again + $(grep -c 'goes on from its checkpoint' log)))
        fi
        "$SLAB" diff f.h5 ../whole.h5 -q >/dev/null 2>&1 || die "another result than that of one run"
        [ $code = 137 ] || break
    done
    [ $n -gt 10 ] || die "hardly anything was written"
    [ $again -gt 10 ] || die "hardly any run went on from its checkpoint"
    echo "ok    $name: killed at $((n - 1)) writes, $again passes continued"
}

walk reduction 14 reduction reduce count_nonzero,sum x.h5:/tall --axis 0 -@ 1 -o f.h5:/new
walk gram 31 'Gram matrix' pca x.h5:/x --method exact -k 4 -@ 1 -o f.h5:/new
walk products 31 product pca x.h5:/x --method randomized --tolerance 0 --passes 3 -k 4 -@ 1 -o f.h5:/new
