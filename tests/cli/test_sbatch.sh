#!/usr/bin/env bash
# slab sbatch without a batch system: the scripts it writes (golden files), what they do (with
# programs that stand for srun, scontrol and qrerun), what it refuses. tests/batch has a real Slurm.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mkdir cells bin out
for i in 1 2 3; do slab random normal --shape $((100 * i))x40 --seed $i -q -o cells/c$i.h5:/x; done
slab random normal --shape 4000x3000 --seed 4 -q -o big.h5:/x
program=$(readlink -f "$SLAB")

# the script with what depends on the machine left out
script() { slab sbatch --print "$@" | sed "s|$program|/opt/slab/bin/slab|g; s|PATH=$(dirname "$program")|PATH=/opt/slab/bin|; s|$work|/home/me|g"; }

script --time 2h --ranks 4 --nodes 2 -p long -A p123 --log 'my %j "x".log' --directive --qos=high --directive '--mail-type=END' \
    copy big.h5:/x --chunks 100x100 -@ 8 --memory 2G -o y.h5 | golden sbatch-slurm
script --time 30m --array 'cells/*.h5' --at-once 2 --merge "echo \"it's done\"
ls \"\$@\"" --stop-before 5m --runs 3 stat '{}:/x' --axis 0 -@ 2 --memory 64M -o 'out/{stem}.{name}.h5' | golden sbatch-array
script --time 1h --ranks 2 --launcher srun calc 'x + 1' x=big.h5:/x -@ 1 --memory 256M -o z.h5 | golden sbatch-srun
script --time 1h --ranks 2 --launcher mpirun calc 'x + 1' x=big.h5:/x -@ 1 --memory 256M -o z.h5 | golden sbatch-mpirun
script --system pbs --time 2h --ranks 4 --nodes 2 -p long -A p123 --log "my %j \"x\\y\".log" --directive '-W group_list=g' \
    copy big.h5:/x --chunks 100x100 -@ 8 --memory 2G -o y.h5 | golden sbatch-pbs
script --system pbs --time 30m --array 'cells/*.h5' --at-once 2 --merge 'ls "$@"' stat '{}:/x' --axis 0 -@ 2 --memory 64M \
    -o 'out/{stem}.h5' | golden sbatch-pbs-array
for words in "copy big.h5:/x -o y.h5" "--array cells/*.h5 stat {}:/x" "--system pbs --ranks 2 stat big.h5:/x"; do
    set -f
    slab sbatch --print $words >job.sh
    set +f
    check "bash understands the script of $words" bash -n job.sh
done

# resources come from the plan
memory() { sed -nE 's/^#SBATCH --mem-per-cpu=([0-9]+)M$/\1/p'; }
given() { sed -nE 's/^command=.* --memory=([0-9]+)M .*/\1/p'; }
slab sbatch --print stat big.h5:/x -@ 2 >job.sh
planned=$(slab stat big.h5:/x -@ 2 --memory 4G --dry-run --json | json 'j["memory"]')
m=$(given <job.sh)
[ $((m * 1048576)) -ge "$planned" ] && [ $((m * 1048576)) -le $((planned + 67108864)) ] && [ "$(memory <job.sh)" = $(((m + 128) / 2)) ] &&
    pass "memory as planned, and what is beside it: $m MiB" || { fail "memory: $m of $planned"; cat job.sh; }
grep -q -- '--cpus-per-task=2$' job.sh && grep -q -- '--time=00:10:00$' job.sh && pass "threads and a wall clock" || fail "threads, time"
slab sbatch --print stat big.h5:/x >job.sh
grep -q -- '--cpus-per-task=4$' job.sh && grep -q ' --threads=4 ' job.sh && pass "four threads when nothing is said" || fail "threads"
slab sbatch --print --array 'cells/*.h5' quantile '{}:/x' --axis 0 -@ 1 -o '{stem}.m.h5' >job.sh
one=$(slab sbatch --print quantile cells/c3.h5:/x --axis 0 -@ 1 -o m.h5 | memory)
[ -n "$one" ] && [ "$(memory <job.sh)" = "$one" ] && pass "an array gets what its largest file needs" || fail "an array's memory"
mkdir chunky # a small file may need more than a large one
slab random normal --shape 300x3000 --chunks 10x10 --seed 1 -q -o chunky/a.h5:/x
slab calc 'x * 0' x=big.h5:/x --chunks 4000x3000 -q -o chunky/b.h5:/x
[ "$(stat -c %s chunky/b.h5)" -lt "$(stat -c %s chunky/a.h5)" ] || fail "the file with large chunks is not the smaller one"
slab sbatch --print --array 'chunky/*.h5' copy '{}:/x' --filter zstd:1 --chunks 10x10 -@ 1 -o '{stem}.o.h5' >job.sh
one=$(slab sbatch --print copy chunky/b.h5:/x --filter zstd:1 --chunks 10x10 -@ 1 -o b.o.h5 | memory)
other=$(slab sbatch --print copy chunky/a.h5:/x --filter zstd:1 --chunks 10x10 -@ 1 -o a.o.h5 | memory)
[ "$one" -gt "$other" ] && [ "$(memory <job.sh)" = "$one" ] && pass "or what a smaller one needs that has larger chunks: $one, not $other MiB" ||
    fail "an array's memory: $(memory <job.sh), of $one and $other"
slab random normal --shape 3 -q -o c1.old.h5:/x
refuses 2 "cannot be planned: .*c1.old.h5.* exists already" "$SLAB" sbatch --print --array 'cells/*.h5' copy '{}:/x' -@ 1 -o '{stem}.old.h5:/x'
mkdir many # more than are planned, of which the smallest cannot work
for i in $(seq 1001); do cp cells/c1.h5 many/$i.h5; done
slab random normal --shape 3 -q -o many/z.h5:/x
cp many/z.h5 z.out.h5
slab sbatch --print --array 'many/*.h5' stat '{}:/x' --axis 0 -@ 1 --memory 64M -o '{stem}.out.h5' >job.sh 2>err
[ $? = 2 ] && grep -q 'of 1002 commands 1000 are planned' err && grep -q "cannot be planned: .*'z.out.h5' exists" err &&
    pass "of very many, those first whose output may exist: $(tail -1 err)" || { fail "very many"; cat err; }

# times as Slurm reads them
for time in 1-12=36:00:00 1-12:30=36:30:00 1-12:30:15=36:30:15 0-00:30=00:30:00 90:30=01:30:30 2d=48:00:00; do
    slab sbatch --print --time "${time%=*}" stat big.h5:/x | grep -q -- "--time=${time#*=}$" && pass "--time ${time/=/ is }" ||
        fail "--time $time: $(slab sbatch --print --time "${time%=*}" stat big.h5:/x 2>&1 | grep -- --time)"
done

# what keeps nothing when it is stopped is not run again
for words in --no-resume "--backend collective" "--backend log"; do
    slab sbatch --print random normal --shape 300x40 $words -o n.h5 >job.sh
    again=$(grep -c 'scontrol requeue' job.sh)
    [ "$words" = "--backend log" ] && expected=1 || expected=0
    [ "$again" = $expected ] && pass "$words: put back $again times" || fail "$words: put back"
done

# --- what the scripts do ---
cat >bin/srun <<'SH'
#!/bin/bash
echo "srun $*" >>srun.log
[ "${SRUN_REFUSES:-}" != "$1" ] || exit 1
while [[ $1 == --* ]]; do shift; done
exec "$@"
SH
cat >bin/scontrol <<'SH'
#!/bin/bash
echo "scontrol $*" >>scontrol.log
SH
cat >bin/squeue <<'SH'
#!/bin/bash
echo "squeue $*" >>squeue.log
[ "$SLURM_TIME_FORMAT" = %s ] && printf '%-20s%-20s\n' "${ENDS:-N/A}" "${RESTARTS:-N/A}"
SH
cat >bin/qstat <<'SH'
#!/bin/bash
echo "qstat $*" >>qstat.log
[ "${RUN_COUNT:-}" = none ] || printf 'Job Id: 12.server\n    Job_Name = x\n    run_count = %s\n    run_version = 77\n' "${RUN_COUNT:-1}"
SH
for name in qrerun qsub sbatch; do
    cat >bin/$name <<SH
#!/bin/bash
echo "$name \$*" >>$name.log
[ $name = qrerun ] && exit \${QRERUN_CODE:-0}
env >environment
cat >submitted.\$(wc -l <$name.log)
echo \${SAYS:-4711}
SH
done
echo '#!/bin/bash
echo "mpirun $*" >>mpirun.log
while [[ $1 == -* ]]; do [[ $1 == --bind-to || $1 == -n || $1 == --hostfile ]] && shift; shift; done
exec "$@"' >bin/mpirun
echo '#!/bin/bash
echo "sleep $*" >>sleep.log' >bin/sleep
chmod +x bin/*
run() { env -u SLURM_RESTART_COUNT PATH="$work/bin:$PATH" SLURM_JOB_ID=7 "$@"; } # run [NAME=VALUE...] bash job.sh
# the first or second script of what --print shows
part() { awk -v part="$1" '/^#!/ { n++ } n == part'; }

slab sbatch --print --time 10m random normal --shape 30x40 --seed 1 -@ 1 -o r.h5 >job.sh
run bash job.sh 2>err && slab stat r.h5 >/dev/null && pass "the job does its work" || { fail "the job"; cat err; }
[ ! -e scontrol.log ] && pass "and is not run again" || fail "$(cat scontrol.log)"
grep -q '^srun --ntasks=1 --cpus-per-task=1 --cpu-bind=cores --wait=10 ' srun.log && pass "$(cut -c1-60 srun.log)" || fail "$(cat srun.log)"
run bash job.sh 2>err
[ $? = 2 ] && [ ! -e scontrol.log ] && pass "an error ends it: $(cat err)" || fail "exit code of an error"

slab sbatch --print --runs 3 random normal --shape 3000x4000 --seed 1 -@ 1 --time-limit 0 -o again.h5 >job.sh
run bash job.sh 2>err
[ $? = 75 ] && [ "$(cat scontrol.log)" = "scontrol requeue 7" ] && pass "75: it is put back" || { fail "75"; cat err; }
rm scontrol.log
run SLURM_RESTART_COUNT=2 bash job.sh 2>err
[ $? = 75 ] && [ ! -e scontrol.log ] && pass "but no more than three times in all" || fail "--runs"
run RESTARTS=0 SLURM_RESTART_COUNT=19 SLURM_ARRAY_JOB_ID=9 SLURM_ARRAY_TASK_ID=4 bash job.sh 2>err
[ "$(cat scontrol.log)" = "scontrol requeue 7" ] && pass "by its own number and count, whatever job it was submitted from" || fail "$(cat scontrol.log)"
rm scontrol.log
slab clean -q again.h5 >/dev/null 2>&1
slab sbatch --print --array 'cells/*.h5' --merge 'exit 75' copy '{}:/x' -@ 1 --time-limit 0 -o '{stem}.again.h5' >both.sh
part 1 <both.sh >job.sh
run SLURM_ARRAY_JOB_ID=9 SLURM_ARRAY_TASK_ID=2 bash job.sh 2>err
[ $? = 75 ] && [ "$(cat scontrol.log)" = "scontrol requeue 9_2" ] && pass "a part of an array by the array's and its own" || fail "$(cat scontrol.log)"
rm scontrol.log
part 2 <both.sh >job.sh
run SLURM_ARRAY_JOB_ID=9 SLURM_ARRAY_TASK_ID=2 bash job.sh 2>err
[ $? = 75 ] && [ "$(cat scontrol.log)" = "scontrol requeue 7" ] && pass "a merge by its own" || fail "$(cat scontrol.log)"
rm scontrol.log
slab clean -q c3.again.h5 >/dev/null 2>&1

# when it ends, and what is not its own
echo '#!/bin/bash
env >environment' >bin/srun
slab sbatch --print stat big.h5:/x -@ 1 >job.sh
rm -f squeue.log
run ENDS=1900000000 SLURM_TIME_FORMAT=relative SLURM_MEM_PER_NODE=200 SLURM_MEM_PER_GPU=3 SLURM_STEP_NUM_TASKS=4 SLURM_MEM_PER_CPU=5 bash job.sh
[ "$(grep -cE '^SLURM_(MEM_PER_NODE|MEM_PER_GPU|STEP_NUM_TASKS)=' environment)" = 0 ] && grep -q '^SLURM_MEM_PER_CPU=5$' environment &&
    pass "of an outer job's memory and ranks nothing is left" || fail "$(grep SLURM environment)"
grep -q '^SLURM_JOB_END_TIME=1900000000$' environment && grep -q '^SLURM_TIME_FORMAT=relative$' environment && [ "$(cat squeue.log)" = "squeue -h -j 7 -O EndTime,RestartCnt" ] &&
    pass "squeue says when it ends" || { fail "its end"; grep SLURM environment; }
run SLURM_JOB_END_TIME=1900000001 bash job.sh
grep -q '^SLURM_JOB_END_TIME=1900000001$' environment && pass "where it cannot, Slurm does" || fail "$(grep END environment)"
cat >bin/srun <<'SH'
#!/bin/bash
echo "srun $*" >>srun.log
[ "${SRUN_REFUSES:-}" != "$1" ] || exit 1
while [[ $1 == --* ]]; do shift; done
exec "$@"
SH
slab sbatch --print stat big.h5:/x -@ 1 --time-limit 0 >job.sh
run bash job.sh 2>err
[ $? = 75 ] && [ ! -e scontrol.log ] && pass "what keeps nothing is not run again" || fail "stat is run again"

# the signal before the end goes to the program, and its exit code is the job's
told() { # told SCRIPT WHAT [SIGNAL]
    local pid code signal=${3:-USR1} put_back="scontrol requeue 7"
    [ $signal = USR1 ] || put_back=
    env -u SLURM_RESTART_COUNT PATH="$work/bin:$PATH" SLURM_JOB_ID=7 bash "$1" 2>err &
    pid=$!
    /bin/sleep 1
    kill -$signal $pid
    wait $pid
    code=$?
    [ $code = 75 ] && grep -q 'stopped by SIGUSR1' err && [ "$(cat scontrol.log 2>/dev/null)" = "$put_back" ] &&
        pass "$2 is told by SIG$signal: $(cat err)" || { fail "$2 and SIG$signal: exit code $code"; cat err; }
    rm -f scontrol.log
    slab clean -q long.h5 >/dev/null 2>&1
}
slab sbatch --print random normal --shape 40000x4000 --filter zstd:15 --seed 1 -@ 1 -o long.h5 >job.sh
told job.sh "a command"
told job.sh "a command that is cancelled, and so not run again," TERM

# ranks: the first srun that works, else mpirun
slab sbatch --print --ranks 2 stat big.h5:/x -@ 1 >job.sh
rm srun.log
run bash job.sh >stat.txt 2>err
[ "$(wc -l <srun.log)" = 2 ] && grep -q '^srun --ntasks=2 .* version$' srun.log && pass "srun as it is" || { fail "srun"; cat srun.log err; }
rm srun.log
run SRUN_REFUSES=--ntasks=2 bash job.sh >stat.txt 2>err
grep -q '^srun --mpi=pmix --ntasks=2 .* stat ' srun.log && pass "else with a plugin" || { fail "pmix"; cat srun.log err; }
cat >bin/srun <<'SH'
#!/bin/bash
exit 1
SH
run bash job.sh >stat.txt 2>err && grep -q '^mpirun -n 2 --bind-to none .* stat ' mpirun.log && pass "else $(cut -c1-30 mpirun.log)" ||
    { fail "mpirun"; cat err; }
SLURM_STEP_NUM_TASKS=2 timeout 60 "$SLAB" stat big.h5:/x >out.txt 2>err
[ $? = 2 ] && [ ! -s out.txt ] && pass "ranks that are not brought together do nothing" || { fail "singletons"; cat err; }

# PBS
slab sbatch --system pbs --print random normal --shape 3000x4000 --seed 1 -@ 1 --time-limit 0 -o p.h5 >job.sh
# pbs WHAT CALLS [NAME=VALUE...]: the job ends with 75, and has made these calls
pbs() {
    local code
    rm -f q*.log sleep.log
    run PBS_JOBID=12.server "${@:3}" bash job.sh
    code=$?
    [ $code = 75 ] && [ "$(cat qrerun.log qsub.log sleep.log 2>/dev/null | paste -sd';')" = "$2" ] && pass "75, $1: ${2:-nothing}" ||
        { fail "75, $1: code $code, $(cat q*.log sleep.log)"; tail -3 ./*-12.log; }
}
pbs "the server reruns it, and nobody else does" "qrerun 12.server;sleep 600"
grep -q 'stopped by the time limit' slab-random-12.log && pass "the log" || fail "$(ls)"
pbs "else another job goes on, and this one has not ended well" "qrerun 12.server;qsub -v SLAB_RUNS=1 job.sh" QRERUN_CODE=1
[ "$(grep -c 'stopped by' slab-random-12.log)" = 2 ] && pass "the log is appended" || fail "the log"
pbs "that counts on" "qrerun 12.server;qsub -v SLAB_RUNS=19 job.sh" QRERUN_CODE=1 SLAB_RUNS=16 RUN_COUNT=3
pbs "to the limit" "" QRERUN_CODE=1 SLAB_RUNS=17 RUN_COUNT=3
pbs "to the limit of reruns" "" RUN_COUNT=20
pbs "no rerun that nobody counts" "qsub -v SLAB_RUNS=3 job.sh" SLAB_RUNS=2 RUN_COUNT=none
pbs "whatever array it was submitted from" "qrerun 12.server;qsub -v SLAB_RUNS=1 job.sh" QRERUN_CODE=1 PBS_ARRAY_INDEX=5
slab sbatch --system pbs --print --runs 1 random normal --shape 3000x4000 --seed 1 -@ 1 --time-limit 0 -o p.h5 >job.sh
pbs "--runs 1" ""
slab clean -q p.h5 >/dev/null 2>&1
slab sbatch --system pbs --print --array cells/c1.h5 --merge 'exit 75' copy '{}:/x' -@ 1 --time-limit 0 -o '{stem}.p.h5' >both.sh
part 1 <both.sh >job.sh
grep -q 'PBS -J' job.sh && fail "PBS has no arrays of one" || pass "one file makes a job, not an array"
pbs "one file of an array" "qrerun 12.server;qsub -v SLAB_RUNS=1 job.sh" QRERUN_CODE=1 PBS_ARRAY_INDEX=5
part 2 <both.sh >job.sh
pbs "a merge" "qrerun 12.server;qsub -v SLAB_RUNS=1 job.sh" QRERUN_CODE=1 PBS_ARRAY_INDEX=5
slab sbatch --system pbs --print --array 'cells/*.h5' copy '{}:/x' -@ 1 --time-limit 0 -o '{stem}.p.h5' >job.sh
pbs "a part of an array is rerun" "qrerun 12.server;sleep 600" PBS_ARRAY_INDEX=0
pbs "or ends" "qrerun 12.server" QRERUN_CODE=1 PBS_ARRAY_INDEX=0
slab clean -q c1.p.h5 >/dev/null 2>&1
slab sbatch --system pbs --print --ranks 2 stat big.h5:/x -@ 1 | grep -q scatter && fail "scattered without --nodes" || pass "chunks lie as PBS likes"
slab sbatch --system pbs --print --array 'cells/*.h5' --log 'pbs %A,%a.log' stat '{}:/x' -@ 1 --memory 64M -o 'out/{stem}.pbs.h5' >job.sh
run 'PBS_JOBID=13[2].server' PBS_ARRAY_INDEX=2 bash job.sh && [ -e out/c3.pbs.h5 ] && [ -e 'pbs 13,2.log' ] &&
    pass "a part of an array" || fail "$(ls . out)"

# file names are data
names=('a b' "it's" '-x' '$(touch pwned)' '`touch pwned`' '"q"' 'new
line' ';touch pwned;' '--force' '%j' '\' 'ä' $'\xff' '{stem}')
mkdir awkward
for i in "${!names[@]}"; do slab random normal --shape 20x3 --seed "$i" -q -o "./awkward/${names[i]}.h5:/x" || fail "${names[i]}"; done
cat >bin/srun <<'SH'
#!/bin/bash
while [[ $1 == --* ]]; do shift; done
exec "$@"
SH
n=0
(cd awkward && slab sbatch --print --array '*.h5' stat '{}:/x' -@ 1 --memory 64M -o '{stem}.out' >../job.sh) || fail "awkward names"
for i in "${!names[@]}"; do
    (cd awkward && run SLURM_ARRAY_TASK_ID=$i bash ../job.sh) >/dev/null 2>err && n=$((n + 1)) || { fail "task $i"; cat err; }
done
(cd awkward && run SLURM_ARRAY_TASK_ID=99 bash ../job.sh) 2>err
[ $? = 2 ] && pass "$(cat err)" || fail "a task that is not there"
found=0
for i in "${!names[@]}"; do [ -e "./awkward/${names[i]}.out" ] && found=$((found + 1)); done
[ $n = ${#names[@]} ] && [ $found = $n ] && [ -z "$(find . -name pwned)" ] && pass "$n awkward names, each with its own output" ||
    { fail "awkward names: $n, $found"; ls -la awkward; }
slab sbatch --print --array 'awkward/*.h5' --merge 'printf "%s\0" "$@" >merged' stat '{}:/x' -@ 1 --memory 64M -o 'awkward/{stem}.2' |
    part 2 >merge.sh
run bash merge.sh || fail "merge: $(cat merge.sh)"
[ "$(tr -cd '\0' <merged | wc -c)" = ${#names[@]} ] && pass "the merge has them all as arguments" || fail "merge: $(tr '\0' '|' <merged)"
[ -z "$(find . -name pwned)" ] && pass "and nothing of a name was run" || fail "a name was run"
awk '{ print } /^outputs=/ { for (i = 0; i < 13000; i++) printf "    out/%0200d.h5\n", i }' merge.sh >many.sh # 2.7 MB
run bash many.sh 2>err
[ "$(tr -cd '\0' <merged | wc -c)" = $((13000 + ${#names[@]})) ] && pass "more of them than a command line holds" || { fail "many outputs"; head -3 err; }
slab sbatch --print --array 'cells/*.h5' --merge 'echo "$#"; false | true; echo beyond' stat '{}:/x' -@ 1 --memory 64M -o 'out/{stem}.4' |
    part 2 >merge.sh
run bash merge.sh >out.txt
[ $? = 1 ] && [ "$(cat out.txt)" = 3 ] && pass "a merge ends at what fails in it" || fail "merge: $(cat out.txt)"
# the example of the page, which a job may be in the middle of when its node fails
merge=$(sed -nE "s/^ .*--merge '(for .*)' .*/\1/p" "$SLAB_SOURCE/docs/commands/sbatch.md")
for i in 1 2 3; do slab stat cells/c$i.h5:/x --axis 0 -q -o c$i.stat.h5; done
slab sbatch --print --array 'cells/*.h5' --merge "$merge" stat '{}:/x' --axis 0 --force -@ 1 --memory 64M -o '{stem}.stat.h5' | part 2 >merge.sh
run bash merge.sh 2>err && run bash merge.sh 2>>err && [ "$(slab ls means.h5 | wc -l)" = 3 ] && pass "the page's merge can be repeated" ||
    { fail "the page's merge: $merge"; cat err; }
slab sbatch --print --array 'cells/*.h5' --merge 'slab random normal --shape 40000x4000 --filter zstd:15 --seed 1 -@ 1 -q -o long.h5
touch beyond' stat '{}:/x' -@ 1 --memory 64M -o 'out/{stem}.3' | part 2 >merge.sh
told merge.sh "the command that a merge is at"
[ ! -e beyond ] && pass "and no other" || fail "the merge went on"

# --- submitting ---
export PATH=$work/bin:$PATH
rm -f sbatch.log submitted.*
slab sbatch --array 'cells/*.h5' --merge true stat '{}:/x' -@ 1 -o 'out/{stem}.s.h5' >ids 2>err
[ "$(cat ids)" = $'4711\n4711' ] && [ "$(cat sbatch.log)" = "sbatch --parsable
sbatch --parsable --dependency=afterok:4711 --kill-on-invalid-dep=yes" ] && grep -q 'submitted as job 4711' err &&
    pass "$(tail -1 sbatch.log)" || { fail "submitting"; cat ids err sbatch.log; }
grep -q -- '--array=0-2' submitted.1 && grep -q "^merge=true$" submitted.2 && pass "each with its script" || fail "scripts"
SAYS='12;cluster' slab sbatch stat big.h5:/x -q >ids && [ "$(cat ids)" = 12 ] && pass "a cluster's name is no number" || fail "$(cat ids)"
SAYS='12[].server' slab sbatch --system pbs --array 'cells/*.h5' --merge true stat '{}:/x' -q -o 'out/{stem}.s.h5' >ids
[ "$(tail -1 qsub.log)" = 'qsub -W depend=afterok:12[].server' ] && pass "$(tail -1 qsub.log)" || fail "$(cat qsub.log)"
SLURM_JOB_ID=3 SLURM_ARRAY_TASK_ID=5 SLURM_RESTART_COUNT=19 SLURM_MEM_PER_NODE=200 SLURM_JOB_END_TIME=1 SLURM_STEP_NUM_TASKS=1 PMI_SIZE=1 PMIX_RANK=0 \
    PBS_JOBID=4 PBS_ARRAY_INDEX=5 PBS_NODEFILE=x SLAB_RUNS=19 SLURM_CONF=/c SLURM_CLUSTERS=a SLURM_TIME_FORMAT=%s SLURM_EXIT_ERROR=9 SLURM_JWT=j \
    SLURM_MPI_TYPE=pmix PBS_SERVER=s MINE=1 slab sbatch stat big.h5:/x -q >ids
[ "$(grep -oE '^(SLURM|PMI|PBS|SLAB_RUNS|MINE)[A-Z_]*=' environment | sort | tr -d '\n')" = \
    MINE=PBS_SERVER=SLURM_CLUSTERS=SLURM_CONF=SLURM_EXIT_ERROR=SLURM_JWT=SLURM_MPI_TYPE=SLURM_TIME_FORMAT= ] &&
    pass "what a job has put into the environment stays there" || fail "$(grep -E '^(SLURM|PMI|PBS)' environment)"
SAYS='$(touch pwned)' refuses 2 "has not said the number" "$SLAB" sbatch stat big.h5:/x
printf '#!/bin/bash\nexit 3\n' >bin/sbatch
refuses 2 "sbatch has not taken the job \(exit code 3\)" "$SLAB" sbatch stat big.h5:/x
rm bin/sbatch
command -v sbatch >/dev/null || refuses 2 "no sbatch here" "$SLAB" sbatch stat big.h5:/x

slab sbatch --script s.sh --array 'cells/*.h5' --merge true stat '{}:/x' -o 'out/{stem}.s.h5' && bash -n s.sh && bash -n s.sh.merge &&
    pass "--script writes both" || fail "--script"
refuses 2 "'s.sh' exists already; --force replaces it" "$SLAB" sbatch --script s.sh stat big.h5:/x
touch s2.sh.merge
refuses 2 "'s2.sh.merge' exists already" "$SLAB" sbatch --script s2.sh --array 'cells/*.h5' --merge true stat '{}:/x' -o 'out/{stem}.s.h5'
[ ! -e s2.sh ] && pass "and then writes neither" || fail "one of two scripts is written"
check "--force" "$SLAB" sbatch --script s.sh --force stat big.h5:/x

# --- what it refuses ---
refuses 2 "'frob' is not a slab command" "$SLAB" sbatch --print frob
refuses 2 "'slab ls' needs no job" "$SLAB" sbatch --print ls big.h5
refuses 2 "'slab sbatch' needs no job" "$SLAB" sbatch --print sbatch --print stat big.h5
refuses 2 "'slab stat' has no option --ranks" "$SLAB" sbatch --print stat big.h5:/x --ranks 2
refuses 2 "run 'slab stat' without sbatch" "$SLAB" sbatch --print stat big.h5:/x --dry-run
refuses 2 "'slab stat' cannot be planned: .*nowhere.h5" "$SLAB" sbatch --print stat nowhere.h5
refuses 2 "cannot be planned: .*memory|cannot be planned: .*budget" "$SLAB" sbatch --print stat big.h5:/x --memory 1K
refuses 2 "no file fits 'none\*'" "$SLAB" sbatch --print --array 'none*' stat '{}'
refuses 2 "several jobs of the array would write 'o.h5'" "$SLAB" sbatch --print --array 'cells/*.h5' stat '{}:/x' -o o.h5
refuses 2 "several jobs of the array would write 'c1.o'" "$SLAB" sbatch --print --array 'cells/*.h5' --array cells/c1.h5 stat '{}:/x' -o '{stem}.o'
refuses 2 "several jobs of the array would write into one file, as 'all.h5:/c2'" "$SLAB" sbatch --print --array 'cells/*.h5' copy '{}:/x' -o 'all.h5:/{stem}'
refuses 2 "several jobs of the array would write '.*/c1.o'" "$SLAB" sbatch --print --array cells/c1.h5 --array out/../cells/c1.h5 copy '{}:/x' -o '{dir}/../{stem}.o'
refuses 2 "--merge is for what --array gives" "$SLAB" sbatch --print --merge true stat big.h5:/x
refuses 2 "--job-name 'a b'" "$SLAB" sbatch --print -J 'a b' stat big.h5:/x
refuses 2 "--partition" "$SLAB" sbatch --print -p $'a\n#SBATCH --wrap=x' stat big.h5:/x
refuses 2 "--account" "$SLAB" sbatch --print -A '-x' stat big.h5:/x
refuses 2 "--log: a name with control characters" "$SLAB" sbatch --print --log $'a\nb' stat big.h5:/x
refuses 2 "--log 'a.b-%j.log': Slurm has no backslashes" "$SLAB" sbatch --print --log 'a\b-%j.log' stat big.h5:/x
check "PBS has them" "$SLAB" sbatch --system pbs --print --log 'a\b-%j.log' stat big.h5:/x
refuses 2 "--log 'nodir/x.log': there is no folder 'nodir'" "$SLAB" sbatch --print --log nodir/x.log stat big.h5:/x
check "a folder that is there" "$SLAB" sbatch --print --log out/x.log stat big.h5:/x
check "or whose name is not known yet" "$SLAB" sbatch --print --log '%j/x.log' stat big.h5:/x
refuses 2 '"message":"'"'slab stat' cannot be planned: cannot open 'nowhere.h5': No such file or directory"'"' "$SLAB" sbatch --print stat nowhere.h5 --log-json
refuses 2 "--directive has one line" "$SLAB" sbatch --print --directive $'--x\nrm' stat big.h5:/x
refuses 2 "4 ranks do not spread evenly over 3 nodes" "$SLAB" sbatch --print --ranks 4 --nodes 3 stat big.h5:/x
refuses 2 "--stop-before 1h: the job has 600 s" "$SLAB" sbatch --print --time 10m --stop-before 1h stat big.h5:/x
refuses 2 "--time 120 is minutes to Slurm and seconds to slab: write 120m or 120s" "$SLAB" sbatch --print --time 120 stat big.h5:/x
refuses 2 "'slab sbatch' needs" "$SLAB" sbatch --print
finish
