#!/usr/bin/env bash
# Fuzzes: builds the targets with sanitizers, runs each for so long, and keeps what it has found.
#
#   tests/fuzz/run.sh SECONDS [TARGET...]         libFuzzer, in build-fuzz
#   tests/fuzz/run.sh --afl SECONDS [TARGET...]   AFL++, in build-afl
#   JOBS=1 tests/fuzz/run.sh 600 journal          one at a time (default: as many as cores)
#
# A target's working corpus stays in build-fuzz, for both engines, and grows from run to run; libFuzzer
# merges a small one, with the same coverage, into tests/fuzz/corpus/TARGET, where the tests replay it. An input
# that fails is put into FOUND/TARGET of the build folder, where it is tried again by the next run;
# when its cause is mended it becomes tests/fuzz/corpus/TARGET/crash-..., to be given a better name.
# Exit code 1: there are such. What has run is added up in tests/fuzz/TIMES.md.
set -uo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$top/tests/fuzz
engine=libFuzzer preset=fuzz
if [ "${1:-}" = --afl ]; then
    engine=AFL++ preset=afl
    shift
fi
seconds=${1:?how many seconds}
shift
build=$top/build-$preset work=$top/build-fuzz/corpus
MEMORY_MB=1024 INPUT_SECONDS=10 INPUT_BYTES=16384 KEPT_FILES=100
MOST_MB=256 # in one piece

(cd "$top" && cmake --preset $preset ${GENERATOR:+-G "$GENERATOR"} >/dev/null &&
    cmake --build --preset $preset -j "${JOBS:-$(nproc)}") >&2 || exit 2
if [ $# -eq 0 ]; then
    set -- $(cd "$build/fuzz" && ls -d fuzz_* | sed 's/^fuzz_//')
fi

export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=${LEAKS:-1}:abort_on_error=1:symbolize=0
export UBSAN_OPTIONS=print_stacktrace=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# What is different for a target: files are used as they are, not grown from nothing; HDF5 may ask for
# any amount of memory, and what it does not survive is kept beside the corpus (fuzz_hdf5.c).
prepare() {
    bytes=$INPUT_BYTES
    flags=(-malloc_limit_mb=$MOST_MB -timeout=$INPUT_SECONDS)
    if [ "$1" = hdf5 ]; then
        ASAN_OPTIONS+=:max_allocation_size_mb=$MOST_MB
        export SLAB_FUZZ_LIBRARY=$here/corpus/hdf5-library
        mkdir -p "$SLAB_FUZZ_LIBRARY"
        # two children for an input, each with a clock of its own that counts processor time
        bytes=32768
        flags=(-malloc_limit_mb=1000000 -len_control=0 -timeout=120 -report_slow_units=120)
    fi
    flags+=(-max_len=$bytes)
}

# Inputs that failed: those that no longer do are kept as tests.
retry() {
    local target=$1 file
    for file in "$build/FOUND/$target"/*; do
        if [ -e "$file" ] && timeout 60 "$build/fuzz/replay_$target" "$file" >/dev/null 2>&1; then
            mv "$file" "$here/corpus/$target/crash-$(sha1sum <"$file" | cut -c1-8)"
        fi
    done
}

run_libfuzzer() {
    local target=$1 log=$build/logs/$1.log
    "$build/fuzz/fuzz_$target" -max_total_time="$seconds" \
        -rss_limit_mb=$MEMORY_MB "${flags[@]}" -print_final_stats=1 \
        -use_value_profile="${VALUE_PROFILE:-0}" -artifact_prefix="$build/FOUND/$target/" \
        "$work/$target" "$here/corpus/$target" "$build/seeds/$target" >"$log" 2>&1
    awk '/^stat::number_of_executed_units/ { print $2 }' "$log" | tail -1
}

run_afl() {
    local target=$1 log=$build/logs/$1.log out=$build/afl/$1 begin file
    begin=$build/afl/$target.begin
    rm -rf "$begin" && mkdir -p "$begin"
    for file in "$work/$target"/* "$here/corpus/$target"/* "$build/seeds/$target"/*; do
        [ -e "$file" ] && cp "$file" "$begin/"
    done
    AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 \
        AFL_AUTORESUME=1 AFL_IGNORE_PROBLEMS=1 AFL_FAST_CAL=1 \
        afl-fuzz -i "$begin" -o "$out" -V "$seconds" -t $((INPUT_SECONDS * 1000)) -m none \
        -G $bytes -- "$build/fuzz/fuzz_$target" >"$log" 2>&1
    for file in "$out"/default/queue/id* "$out"/default/crashes/id* "$out"/default/hangs/id*; do
        [ -e "$file" ] || continue
        case $file in
        */queue/*) cp "$file" "$work/$target/$(sha1sum <"$file" | cut -c1-40)" ;;
        *) cp "$file" "$build/FOUND/$target/$(basename "$(dirname "$file")")-$(sha1sum <"$file" | cut -c1-40)" ;;
        esac
    done
    awk -F' *: ' '/^execs_done/ { print $2 }' "$out/default/fuzzer_stats"
}

# The fewest inputs that reach what the working corpus reaches, beside those kept for a reason.
keep() {
    local target=$1 kept=$here/corpus/$1 small=$build/small/$1 file n=0
    rm -rf "$small" && mkdir -p "$small" "$kept"
    "$build/fuzz/fuzz_$target" -set_cover_merge=1 "${flags[@]}" \
        -rss_limit_mb=$MEMORY_MB "$small" "$kept" "$work/$target" \
        >"$build/logs/$target.merge.log" 2>&1 || return
    find "$kept" -type f ! -name 'crash-*' -delete
    for file in $(ls -Sr "$small"); do
        [ $((n += 1)) -le $KEPT_FILES ] && cp "$small/$file" "$kept/$file"
    done
}

fuzz() {
    local target=$1 executions begin=$SECONDS
    mkdir -p "$work/$target" "$build"/{seeds,FOUND}/"$target" "$build"/{logs,afl,small} "$here/corpus/$target"
    rm -f "$build/seeds/$target"/*
    "$build/fuzz/replay_$target" --seeds "$build/seeds/$target" || return
    prepare "$target"
    retry "$target"
    if [ $engine = AFL++ ]; then executions=$(run_afl "$target"); else executions=$(run_libfuzzer "$target"); fi
    local took=$((SECONDS - begin)) open
    open=$(find "$build/FOUND/$target" -type f | wc -l)
    [ $engine = libFuzzer ] && keep "$target"
    echo "$target: ${executions:-0} inputs in $took s, $open that fail"
    (
        flock 9
        python3 "$here/times.py" "$here/TIMES.md" "$target" $engine "$took" "${executions:-0}" "$open"
    ) 9>"$build/times.lock"
}
export -f fuzz prepare retry run_libfuzzer run_afl keep
export build work here engine seconds MEMORY_MB INPUT_SECONDS INPUT_BYTES KEPT_FILES MOST_MB
mkdir -p "$build"
printf '%s\n' "$@" | nice -n 10 xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'fuzz "$1"' - {}
! find "$build/FOUND" -type f | grep .
