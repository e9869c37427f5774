#!/usr/bin/env bash
# What a log gets: lines of progress with the slowest rank, and with --log-json nothing on stderr but
# an object a line.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slab random normal --shape 2000x2000 --chunks 100x100 --seed 1 -q -o x.h5:/x
# seconds of work for any machine; every run of it is stopped after two
long="random normal --shape 20000x5000 --chunks 100x100 --filter zstd:15 --seed 3 -@ 1 --no-resume --no-sync --force -o f.h5:/new"
long="$long --time-limit 2"
fresh() { rm -rf f.h5 .f.h5.slab-*; }

# lines EXPRESSION: of the JSON lines on stdin, as a list named j; anything else is an error
lines() { python3 -c 'import json,sys; j=[json.loads(l) for l in sys.stdin]; print(eval("(" + sys.argv[1] + ")"))' "$1"; }

# lines of progress
fresh
slab $long --log-every 0.2 2>err
n=$(grep -cE '^slab: random: [0-9]+% done, [0-9.]+ GB/s, [0-9:]+ left$' err)
[ "$n" -ge 2 ] && [ $((n + 1)) = "$(wc -l <err)" ] && pass "$n lines: $(head -1 err)" || { fail "lines of progress"; cat err; }
fresh
slab $long --log-every 0.2 -q 2>err
[ "$(wc -l <err)" = 1 ] && pass "-q has none" || { fail "-q"; cat err; }
fresh
slab $long 2>err
[ "$(wc -l <err)" = 1 ] && pass "a run of seconds has none" || { fail "a minute is not over"; cat err; }
refuses 2 "--log-every needs a time" slab stat x.h5:/x --log-every soon

# the same as JSON
fresh
slab $long --log-every 0.2 --log-json 2>all
[ $? = 75 ] && [ "$(tail -1 all | lines 'j[0]["status"], "stopped by the time limit" in j[0]["message"]')" = "('ERR_STOPPED', True)" ] &&
    pass "it is stopped, as JSON" || { fail "stopped"; cat all; }
head -n -1 all >err
[ "$(lines 'all(l["level"] == "progress" and l["what"] == "random" and l["rank"] == 0 and l["ranks"] == 1 and
    0 < l["done"] < l["total"] == 10000 and 0 <= l["bytes"] - l["done"] * 40000 <= 40000 * 64 and l["rate"] > 0 and
    l["seconds_left"] > 0 and l["slowest_rank"] is None and l["time"].endswith("Z") for l in j) and len(j) > 1' <err)" = True ] &&
    pass "progress in numbers" || { fail "progress in numbers"; cat err; }
[ "$(lines '[l["done"] for l in j] == sorted(l["done"] for l in j)' <err)" = True ] && pass "which rise" || fail "they do not rise"
if [ -t 2 ] || script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
    fresh
    script -qec "$SLAB $long --log-json --log-every 0.2" /dev/null >tty.out </dev/null
    tr -d '\r' <tty.out | lines 'len(j) > 1' | grep -q True && pass "also on a terminal" || { fail "on a terminal"; cat tty.out; }
fi

# on ranks: all are counted, and the one that stands still is named, though nobody answers for it
fresh
setsid mpirun --oversubscribe -n 3 "$SLAB" $long --time-limit 5 --log-every 0.2 --log-json 2>err &
leader=$!
for i in $(seq 100); do
    slow=$(ps -o pid=,comm= -s $leader | awk '$2 == "slab" {print $1}' | tail -1)
    [ -n "$slow" ] && [ -s err ] && grep -q progress err && break
    sleep 0.05
done
kill -STOP "$slow"
sleep 2.2
kill -CONT "$slow"
wait $leader
[ $? = 75 ] || fail "on 3 ranks: not stopped"
grep '"level"' err >json
# mpirun numbers the ranks in the order in which it starts them
[ "$(lines '[l["slowest_rank"] for l in j if l["level"] == "progress" and l["slowest_rate"] == 0].count(2) >= 2' <json)" = True ] &&
    pass "a rank that stands still is the slowest" || { fail "the slowest rank"; cat err; }
[ "$(lines 'all(l["ranks"] == 3 and l["done"] <= 10000 for l in j if l["level"] == "progress")' <json)" = True ] &&
    pass "three ranks are in the count" || fail "three ranks"
fresh
ranks 2 $long --log-every 0.2 2>err
grep -qE '^slab: random: [0-9]+% done, [0-9.]+ GB/s, [0-9:]+ left, slowest rank [01] \([0-9.e-]+ GB/s\)$' err &&
    pass "$(grep slowest err | tail -1)" || { fail "no slowest rank"; cat err; }

# where MPI has no one-sided communication, messages do
OMPI_MCA_osc=^sm,rdma,pt2pt,ucx,portals4 ranks 2 stat x.h5:/x -@ 1 -v >two 2>err
slab stat x.h5:/x >one
grep -q 'no one-sided communication' err && same "without one-sided communication: the same" one two || { fail "not without"; cat err; }

# everything else on stderr is JSON too: -v, warnings, errors, what is wrong with the command line
slab stat x.h5:/x -v --log-json 2>err >out
[ "$(lines '[l["plan"]["ranks"] for l in j if l["message"] == "plan"] == [1] and
    any(l["level"] == "info" and l["message"].startswith("read ") for l in j)' <err)" = True ] &&
    pass "-v" || { fail "-v as JSON"; cat err; }
slab stat x.h5:/x -v 2>text >out
grep -q '^slab: read [0-9]* bytes in 400 chunks' text && grep -q 'memory:' text && pass "-v for people" || { fail "-v"; cat text; }
slab stat x.h5:/x -@ 4000 --log-json --memory 8G 2>err >out
[ "$(lines 'j[0]["level"] == "warning" and "threads share" in j[0]["message"]' <err)" = True ] &&
    pass "a warning" || { fail "a warning as JSON"; cat err; }
slab stat x.h5:/x -@ 4000 --memory 8G 2>err >out
grep -qE '^slab: warning: 4000 threads share [0-9]+ cores?: they will wait for each other$' err && pass "$(cat err)" ||
    { fail "more threads than cores"; cat err; }
cores=$(nproc)
ranks $((cores + 1)) stat x.h5:/x -@ 1 2>err >out
[ "$(grep -c "^slab: warning: $((cores + 1)) ranks of 1 thread share $cores cores* of this node: they will wait for each other" err)" = 1 ] &&
    pass "$(grep warning: err)" || { fail "more ranks than cores"; cat err; }
ranks $((cores + 1)) stat x.h5:/x -@ 1 -q 2>err >out
grep -q "will wait" err && fail "-q warns" || pass "-q does not"

# json_error WHAT STATUS PATTERN WORDS...: exit code 2 and one object
json_error() {
    local what=$1 status=$2 pattern=$3
    shift 3
    "$@" 2>err >out
    [ $? = 2 ] && [ "$(lines 'len(j), j[-1]["level"], j[-1]["status"]' <err)" = "(1, 'error', '$status')" ] &&
        lines 'j[-1]["message"]' <err | grep -E "$pattern" >/dev/null && pass "$what: $(cat err)" || { fail "$what"; cat err; }
}
json_error "an error" ERR_NOT_FOUND nowhere.h5 slab stat nowhere.h5 --log-json
json_error "a wrong option" ERR_USAGE "no option --axs" slab stat x.h5 --log-json --axs 1
json_error "a name with odd bytes" ERR_NOT_FOUND 'no.\?a' slab stat $'no"\xffa\n.h5' --log-json
slab calc 'x + ' x=x.h5:/x --log-json 2>err
[ $? = 2 ] && [ "$(lines 'j[-1]["level"]' <err)" = error ] && pass "an expression that is wrong" || { fail "calc"; cat err; }
slab copy x.h5:/x --chunks 100x125 -o c.h5:/y --time-limit 0 --log-json 2>err
slab copy x.h5:/x --chunks 100x125 -o c.h5:/y --log-every 9 2>err || fail "how the log is kept is no part of the command: $(cat err)"

# BLAS works on the thread that calls it, whatever the environment says
slab random genotypes --shape 3000x3000 --seed 2 -q -o g.h5:/g
OMP_NUM_THREADS=4 OPENBLAS_NUM_THREADS=4 slab pca g.h5:/g -k 4 -@ 1 -q -o one.h5 || fail "pca"
env -u OMP_NUM_THREADS OPENBLAS_NUM_THREADS=1 "$SLAB" pca g.h5:/g -k 4 -@ 1 -q -o two.h5 || fail "pca"
check "as many threads as the environment gives BLAS: the same bits" "$SLAB" diff one.h5:/scores two.h5:/scores
OPENBLAS_NUM_THREADS=4 OMP_NUM_THREADS=4 "$SLAB" pca g.h5:/g -k 4 -@ 1 -q --force -o one.h5 &
pid=$!
while [ -e /proc/$pid/task ]; do
    cat /proc/$pid/task/*/stat 2>/dev/null
    [ "$(ps -o stat= -p $pid | cut -c1)" = Z ] && break
    sleep 0.02
done >ticks
wait $pid
# threads that take at least a quarter of the processor time of the busiest: OpenMP keeps a pool of idle ones
busy=$(awk '{ id = $1; sub(/.*\) /, ""); t[id] = $12 + $13; if (t[id] > most) most = t[id] }
    END { for (i in t) n += t[i] >= 5 && 4 * t[i] >= most; print most < 5 ? "none of " most : n }' ticks)
case $busy in
1 | 2) pass "$busy threads take time (one computes, one writes)" ;;
*) fail "$busy threads take time" && tail -20 ticks ;;
esac
finish
