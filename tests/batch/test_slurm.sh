#!/usr/bin/env bash
# Under a real Slurm: ranks that srun starts, jobs that are put back into the queue until they are
# done, arrays with a merge that waits for all, and what is left of each.
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
cluster_start
pass "a Slurm of one node: $(sinfo --version)"

# ended WHAT STATE EXPECTED LOG
ended() {
    if [ "$2" = "$3" ]; then
        pass "$1: $2"
    else
        fail "$1: $2, not $3"
        head -20 "${@:4}"
        tail -20 "$cluster/slurmctld.log"
    fi
}

# what all of it is compared with
long="random normal --shape 4000x5000 --chunks 100x100 --filter zstd:15 --seed 3"
slab $long -q -o whole.h5:/x
slab stat whole.h5:/x >stat.txt

# 1. ranks that srun starts itself
mpi=$(srun --mpi=list 2>&1 | grep -oE 'pmix|pmi2' | head -1)
[ -n "$mpi" ] && pass "srun has $mpi" || fail "srun has neither pmix nor pmi2"
srun --mpi=pmix -n 2 "$SLAB" stat whole.h5:/x -@ 1 >two.txt 2>err
same "srun of two ranks gives what one gives" stat.txt two.txt
srun --mpi=pmix -n 2 "$SLAB" stat whole.h5:/x -@ 1 -v 2>&1 >two.txt | grep -q 'ranks: 2' &&
    pass "and they are two ranks" || fail "no two ranks"
srun --mpi=none -n 2 "$SLAB" stat whole.h5:/x -@ 1 >none.txt 2>err
[ $? != 0 ] && [ ! -s none.txt ] && pass "ranks that MPI cannot bring together do nothing: $(grep -m1 . err)" ||
    { fail "two ranks each for itself"; cat err; }
timeout 60 srun --mpi=pmix -n 2 bash -c '[ $SLURM_PROCID = 0 ] || exec "$0" "$@" --time-limit 0; exec "$0" "$@"' \
    "$SLAB" $long -@ 1 -o stopped.h5:/x 2>err
[ $? = 75 ] && pass "a rank that is stopped stops all, with 75" || { fail "stop: exit code $?"; cat err; }
slab clean -q . >/dev/null 2>&1 || rm -rf stopped.h5*

# 2. a job that is stopped again and again, on two ranks
job=$(slab sbatch --ranks 2 --time 10m --log 'job %j "a".log' --job-name again --runs 200 $long -@ 1 --time-limit 1.5 --log-every 1 -o x.h5:/x 2>err)
[[ $job =~ ^[0-9]+$ ]] && pass "$(cat err)" || { fail "no job: $job"; cat err; }
ended "a job whose time is shorter than its work" "$(job_wait 300 "$job")" COMPLETED "job $job \"a\".log"
restarts=$(scontrol show job "$job" | grep -oE 'Restarts=[0-9]+' | cut -d= -f2)
[ "$restarts" -ge 1 ] && pass "it was put back $restarts times" || fail "it was never put back"
log="job $job \"a\".log"
[ "$(grep -c 'stopped by the time limit with .*: the same command continues' "$log")" = "$restarts" ] &&
    pass "and its log has every end" || { fail "the log"; cat "$log"; }
check "its array is that of one run without Slurm" "$SLAB" diff x.h5:/x whole.h5:/x
cmp -s <(slab dump x.h5:/x) <(slab dump whole.h5:/x) && pass "byte for byte" || fail "other bytes"
[ -z "$(ls -A | grep slab-.*part)" ] && [ "$(slab jobs)" = "no unfinished output" ] && pass "nothing is left" || fail "left: $(ls -A)"
scontrol show job "$job" | grep -q 'NumCPUs=2 NumTasks=2 CPUs/Task=1' && pass "with the resources of its command" ||
    { fail "resources"; scontrol show job "$job"; }

# 3. other exit codes are the job's
job=$(slab sbatch -J fails --time 10m stat whole.h5:/x -@ 1 -o s.h5 2>err)
slab random normal --shape 3 -q -o s.h5:/x # meanwhile somebody else takes the name
ended "an error" "$(job_wait 60 "$job")" FAILED "fails-$job.log"
scontrol show job "$job" | grep -q 'ExitCode=2:0' && pass "with its exit code" || { fail "exit code"; cat "fails-$job.log"; }

# 4. Slurm's signal before the end
job=$(slab sbatch --time 1:00 --stop-before 55 --runs 1 -J warned random normal --shape 40000x5000 --chunks 100x100 \
    --filter zstd:19 --seed 3 -@ 1 -o w.h5:/x 2>err)
ended "a job that Slurm tells to stop" "$(job_wait 120 "$job")" FAILED "warned-$job.log"
grep -q 'stopped by SIGUSR1 with' "warned-$job.log" && pass "$(cat "warned-$job.log")" || { fail "no signal"; cat "warned-$job.log"; }
scontrol show job "$job" | grep -q 'ExitCode=75:0' && pass "and is not run more often than is allowed" || fail "exit code"

# 5. jobs that others end: a cancelled one stays ended and can be continued, one whose rank dies ends
works() { # works FILE: the processes that are writing it, as soon as there are some
    local pids
    for _ in $(seq 150); do
        pids=$(ps -eo pid=,comm=,args= | awk -v o="$1:/x" '$2 == "slab" && $0 ~ o { print $1 }')
        [ -n "$pids" ] && compgen -G ".$1.slab-log*" >/dev/null && { echo "$pids"; return; }
        sleep 0.2
    done
}
job=$(slab sbatch --time 10m -J cancelled $long -@ 1 -o c.h5:/x 2>err)
[ -n "$(works c.h5)" ] && scancel "$job" || fail "it does not run"
ended "a job that is cancelled" "$(job_wait 60 "$job")" CANCELLED "cancelled-$job.log"
sleep 1
[ "$(job_state "$job")" = CANCELLED ] && slab jobs | grep -q 'c.h5: random, .*not running' && pass "$(slab jobs | head -1)" ||
    { fail "a cancelled job: $(job_state "$job")"; slab jobs; cat "cancelled-$job.log"; }
slab $long -@ 2 -q -o c.h5:/x && check "is continued by hand" "$SLAB" diff c.h5:/x whole.h5:/x
job=$(slab sbatch --ranks 2 --time 10m -J dies $long -@ 1 -o d.h5:/x 2>err)
works d.h5 | tail -1 | xargs -r kill -9
begin=$SECONDS
ended "a job of which a rank dies" "$(job_wait 60 "$job")" FAILED "dies-$job.log"
[ $((SECONDS - begin)) -le 20 ] && pass "in $((SECONDS - begin)) s" || fail "after $((SECONDS - begin)) s only"
slab clean -q d.h5 >/dev/null 2>&1

# 6. an array over files with awkward names, and a merge that waits for all
mkdir cells
names=('a b' "it's" '-x' '$(touch pwned)' '`touch pwned`' '"q"' 'new
line' ';touch pwned;')
for i in "${!names[@]}"; do
    slab random normal --shape 300x20 --seed "$i" -q -o "cells/${names[i]}.h5:/x"
done
mapfile -t jobs < <(slab sbatch --array 'cells/*.h5' --merge 'for f; do slab dump "$f:/mean"; done >all.txt' --time 10m \
    --log 'array-%a.log' stat '{}:/x' --axis 0 -@ 1 --memory 64M -o 'cells/{stem}.stat.h5' 2>err)
[ ${#jobs[@]} = 2 ] && pass "an array and what follows it: ${jobs[*]}" || { fail "array: ${jobs[*]}"; cat err; }
ended "all of the array" "$(job_wait 120 "${jobs[0]}")" COMPLETED array-*.log
ended "the merge" "$(job_wait 60 "${jobs[1]}")" COMPLETED slab-stat-merge-*.log
for f in cells/*.stat.h5; do rm "$f"; done
for f in cells/*.h5; do slab stat "$f:/x" --axis 0 -@ 1 -q -o "${f%.h5}.stat.h5"; done
for f in cells/*.h5; do case $f in *.stat.h5) ;; *) slab dump "${f%.h5}.stat.h5:/mean" ;; esac; done >expected.txt
same "it has read what every part has written" expected.txt all.txt
[ ! -e pwned ] && [ ! -e cells/pwned ] && pass "and nothing of a name was run" || fail "a name was run"

# 7. one of an array fails: the merge never runs
rm -f cells/*.stat.h5
slab random normal --shape 3 -q -o bad.h5:/x
mapfile -t jobs < <(slab sbatch --array 'cells/a b.h5' --array bad.h5 --merge 'touch merged' --time 10m --log 'b-%a.log' \
    stat '{}:/x' --axis 0 -@ 1 --memory 64M -o '{stem}.stat.h5' 2>err)
slab random normal --shape 3 -q -o 'bad.stat.h5:/mean' # somebody else takes the name
ended "an array of which one fails" "$(job_wait 60 "${jobs[0]}")" "COMPLETED FAILED" b-*.log
ended "its merge" "$(job_wait 60 "${jobs[1]}")" CANCELLED b-*.log
[ ! -e merged ] && pass "has not run" || fail "the merge ran"

# 8. submitted from inside another job: nothing of that one is theirs
cat >outer.sh <<JOB
#!/bin/bash
#SBATCH --mem=200 --array=5 --requeue -o outer-%a.log
echo once >>outer.ran
[ "\${SLURM_RESTART_COUNT:-0}" = 0 ] || exit 0
"$SLAB" sbatch -q --time 10m --log inner.log --runs 2 random normal --shape 300x400 --seed 1 -@ 1 --memory 64M --time-limit 0 -o i.h5:/x >inner.id
"$SLAB" sbatch -q --time 10m --log hand.log --script hand.sh stat whole.h5:/x -@ 1 --memory 64M -v
sbatch --parsable hand.sh >hand.id
JOB
job=$(sbatch --parsable outer.sh)
ended "a job that submits others" "$(job_wait 60 "$job")" COMPLETED outer-5.log
inner=$(cat inner.id)
ended "one of them, which is never done" "$(job_wait 60 "$inner")" FAILED inner.log
scontrol show job "$inner" | grep -q 'Restarts=1' && scontrol show job "$inner" | grep -q 'ExitCode=75:0' && pass "is put back itself" ||
    { fail "it is not put back"; cat inner.log; scontrol show job "$inner"; }
[ "$(job_state "$job")" = COMPLETED ] && [ "$(wc -l <outer.ran)" = 1 ] && pass "and not the job that it came from" || fail "the outer job ran again"
ended "one that is submitted by hand" "$(job_wait 60 "$(cat hand.id)")" COMPLETED hand.log
grep -qE 'the Slurm job ends in (5[0-9][0-9]|600) s' hand.log && pass "knows its end" || { fail "its end"; cat hand.log; }
job=$(slab sbatch -q --array whole.h5 --time 10m --log 'ends-%a.log' stat '{}:/x' -@ 1 --memory 64M -v)
ended "an array of one" "$(job_wait 60 "$job")" COMPLETED ends-0.log
grep -qE 'the Slurm job ends in (5[0-9][0-9]|600) s' ends-0.log && pass "knows its end" || { fail "its end"; cat ends-0.log; }
finish
