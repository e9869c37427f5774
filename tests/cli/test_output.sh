#!/usr/bin/env bash
# stdout and stderr: data alone on stdout, errors of writing noticed, pipes that close, signals.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slab random integers --shape 200000x10 --low 0 --high 1000 -o big.h5:/x -q
for words in "ls big.h5" "info big.h5" "head big.h5:/x" "dump big.h5:/x" "stat big.h5:/x" \
    "stat big.h5:/x --json" "verify big.h5" "help" "help stat" "version" "stat big.h5:/x --dry-run"; do
    "$SLAB" $words >/dev/full 2>full.err
    code=$?
    [ $code = 2 ] && [ "$(wc -l <full.err)" = 1 ] && grep -q 'No space left' full.err &&
        pass "slab $words notices a full disk" || { fail "slab $words >/dev/full: exit code $code"; cat full.err; }
done

(set +o pipefail; "$SLAB" dump big.h5:/x 2>pipe.err | head -3 >pipe.out)
[ "$(wc -l <pipe.out)" = 3 ] && [ ! -s pipe.err ] && pass "dump | head ends quietly" || fail "dump | head"
(trap '' PIPE; set +o pipefail; timeout 20 "$SLAB" dump big.h5:/x 2>pipe.err | head -3 >pipe.out)
[ ! -s pipe.err ] && pass "also when the signal was ignored" || fail "dump | head with SIGPIPE ignored"

slab stat big.h5:/x --json -v >out 2>err
check "with -v stdout is still JSON" is_json <out
check "with -v the plan is on stderr" grep -q 'memory:' err
slab stat big.h5:/x >out 2>err
[ ! -s err ] && pass "without -v nothing is on stderr" || { fail "stderr is not empty"; cat err; }

# progress is for terminals, and for people who have not asked for quiet
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then # there are pseudo-terminals
    words="$SLAB random normal --shape 6000x6000 --filter zstd:9 --no-sync --force -o bar.h5"
    script -qec "$words" /dev/null >tty.out </dev/null
    grep -q '% .*GB/s.*left' tty.out && pass "a bar on a terminal" || fail "no bar on a terminal"
    script -qec "$words -q" /dev/null >tty.out </dev/null
    [ ! -s tty.out ] && pass "no bar with -q" || fail "output with -q"
else
    echo "skipped: a bar on a terminal (no pseudo-terminal here)"
fi
$SLAB random normal --shape 6000x6000 --filter zstd:9 --no-sync --force -o bar.h5 2>err
[ ! -s err ] && pass "no bar in a log" || fail "a bar in a log"

# a signal stops at once with 75 and leaves no output; a second one ends the program
for signal in INT TERM USR1; do
    # a shell has its background jobs ignore ^C, which slab respects; here it must not
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$SLAB" random normal --shape 20000x20000 --filter zstd:19 -q -o stopped.h5 2>err &
    pid=$!
    sleep 1
    kill -$signal $pid
    wait $pid
    code=$?
    [ $code = 75 ] && [ ! -e stopped.h5 ] && [ "$(wc -l <err)" = 1 ] &&
        pass "SIG$signal stops with 75 and leaves no output" ||
        { fail "SIG$signal: exit code $code"; ls -la; cat err; }
done
finish
