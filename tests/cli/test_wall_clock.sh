#!/usr/bin/env bash
# The wall clock: what stops a run, what it says then, and what it leaves. tests/fault/test_resume.sh
# stops and kills at random; here every way is gone once.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slab random normal --shape 2000x2000 --chunks 100x100 --seed 1 -q -o x.h5:/x
long="random normal --shape 8000x5000 --chunks 100x100 --filter zstd:15 --seed 3 -o f.h5:/new"

# stopped WHAT PATTERN CODE: the code was 75, and the last line on stderr matches
stopped() {
    if [ "$3" = 75 ] && tail -1 err | grep -qE -- "$2"; then
        pass "$1: $(tail -1 err)"
    else
        fail "$1: exit code $3"
        cat err
    fi
}

# times that are none
for bad in '' x 10x -5 1:2:3:4 1:99 10m5 inf 1- 1-2:3:4:5 1-12:; do
    refuses 2 "--time-limit needs a " "$SLAB" stat x.h5:/x --time-limit "$bad"
done
for good in 1000 1000s 10m 2h 1d 10:00 1:00:00 2-00:00:00 1-12 1-12:30 0.5h; do
    check "--time-limit $good" "$SLAB" stat x.h5:/x --time-limit "$good" -q
done

# a limit that has come already; then the rest
slab $long --time-limit 0 2>err
stopped "a time limit" "stopped by the time limit with 0% of 'random' done; 0 of 4000 chunks are written: the same command continues$" $?
slab $long --time-limit 0.5 2>err
stopped "the same again" "[0-9]+ of 4000 chunks are written: the same command continues$" $?
written=$(sed -nE 's/.*; ([0-9]+) of 4000 chunks are written.*/\1/p' err)
slab jobs | grep -qE '^\./f.h5: random, [0-9]+% of 4000 chunks, not running' && pass "slab jobs" || fail "slab jobs"
slab jobs --json | json 'j[0]["chunks"]' >chunks
same "slab jobs counts what was said" chunks <(echo "$written")

# the end of a Slurm job: a tenth of what is left is the margin
SLURM_JOB_END_TIME=$(($(date +%s) + 1)) slab $long 2>err
stopped "the end of a Slurm job" "stopped by the end of the Slurm job with" $?
SLURM_JOB_END_TIME=$(($(date +%s) + 100000)) slab stat x.h5:/x -q >/dev/null && pass "a far end stops nothing" || fail "a far end"
SLURM_JOB_END_TIME=1 slab stat x.h5:/x 2>err >out && [ -s out ] && [ "$(cat err)" = "slab: warning: SLURM_JOB_END_TIME is past, and so ignored" ] &&
    pass "one that is past is another job's" || { fail "an end that is past"; cat err; }

# signals
for signal in TERM INT USR1; do
    python3 - $signal "$SLAB" $long 2>err <<'PY'
import os, signal, subprocess, sys, time
# a shell's background job ignores ^C, and so would slab
signal.signal(signal.SIGINT, signal.default_int_handler)
p = subprocess.Popen(sys.argv[2:])
time.sleep(0.4)
p.send_signal(getattr(signal, "SIG" + sys.argv[1]))
sys.exit(p.wait())
PY
    stopped "SIG$signal" "stopped by SIG$signal with .* the same command continues$" $?
done

# a signal to one of several ranks stops all, and is told once: while it works, and while MPI starts
works() { grep -q 'continuing what' err; }
starts() { grep -q '/mca_' "/proc/$1/maps" 2>/dev/null; }
for moment in works starts; do
    : >err
    setsid mpirun --oversubscribe -n 3 "$SLAB" $long 2>err &
    leader=$!
    for _ in $(seq 2000); do
        rank=$(ps -o pid=,comm= -s $leader | awk '$2 == "slab" {print $1}' | tail -1)
        [ -n "$rank" ] && $moment "$rank" && break
        sleep 0.01
    done
    kill -TERM "$rank"
    wait $leader
    code=$?
    if [ $code = 75 ] && [ "$(grep -c '^slab: .*stopped by SIGTERM' err)" = 1 ]; then
        pass "one rank of three, while it $moment: $(grep '^slab: .*stopped' err)"
    else
        fail "a signal to one rank of three while it $moment: exit code $code"
        cat err
    fi
done

# the rest, and what came out
slab $long -v 2>err || fail "the last run: $(cat err)"
grep -qE "'/new': [1-9][0-9]* of 4000 chunks are there already" err && pass "$(grep already err)" || fail "nothing was kept"
slab random normal --shape 8000x5000 --chunks 100x100 --filter zstd:15 --seed 3 -q -o whole.h5:/new
check "the array is that of one run" "$SLAB" diff f.h5:/new whole.h5:/new
[ -z "$(ls -A | grep slab-)" ] && pass "nothing is left" || fail "left: $(ls -A)"

# verbs that keep nothing say so
slab stat x.h5:/x --time-limit 0 2>err >out
stopped "stat" "with 0% of 'statistics' done; nothing is kept: the same command starts over$" $?
[ -s out ] && fail "stat prints though it was stopped" || pass "and prints nothing"
slab export x.h5:/x -o x.npy --time-limit 0 2>err
stopped "export" "nothing is kept: the same command starts over$" $?
[ -e x.npy ] && fail "half an export" || pass "and leaves nothing"
slab random normal --shape 2000x2000 --backend collective -o c.h5:/x --time-limit 0 2>err
stopped "the collective backend" "nothing is kept: the same command starts over$" $?
[ -z "$(ls -A | grep -E 'slab-|^c.h5')" ] && pass "and leaves nothing" || fail "left: $(ls -A)"

# what is stopped while it looks at its input has begun nothing, nor given up what was left
slab random genotypes --shape 3000x2000 --seed 1 -q -o g.h5:/g && slab export g.h5:/g -q -o g.bed
slab import g.bed -o i.h5:/g --time-limit 0 2>err
stopped "import" "done, before the output was begun: the same command continues$" $?
slab import g.bed -o i.h5:/g --no-resume --time-limit 0 2>err
stopped "import that starts over" "nothing is kept: the same command starts over$" $?

# into the file that is read
slab copy x.h5:/x --chunks 100x125 --filter zstd:15 -o x.h5:/y --time-limit 0.2 2>err
stopped "a copy within a file" "of 320 chunks are written: the same command continues$" $?
check "x is still read" "$SLAB" stat x.h5:/x
refuses 2 "unfinished output of .*slab clean" "$SLAB" attr x.h5:/x note=1
slab copy x.h5:/x --chunks 100x125 --filter zstd:15 -o x.h5:/y -v 2>err || fail "it does not go on: $(cat err)"
grep -qE "'/y': [1-9][0-9]* of 320 chunks are there already" err && pass "$(grep already err)" || fail "nothing was kept within a file: $(cat err)"
check "the copy is right" "$SLAB" diff x.h5:/x x.h5:/y
finish
