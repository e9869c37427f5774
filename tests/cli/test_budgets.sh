#!/usr/bin/env bash
# A budget that is too small is refused in one line, before there is an output; the line names the
# smallest that is enough; within that the command runs, and its peak resident memory stays below it
# and 64 MiB. Walked over every verb of the array layer, with results that are large; on two threads,
# or on those that are stated.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
is_sanitized && { echo "skipped: sanitizers take memory of their own"; exit 77; }

slab random normal --shape 1601x1613 --chunks 128x130 --dtype f4 -q -o in.h5:/x
slab random normal --shape 1601x1613 --chunks 101x1613 --dtype f8 --seed 2 -q -o in.h5:/y
slab random integers --shape 200003 --chunks 10007 --high 100000 --dtype i8 --seed 3 -q -o in.h5:/ids
slab random uniform --shape 200003x7 --chunks 10007x4 --dtype f4 --seed 4 -q -o in.h5:/rows

# ran MIB WORDS...: exit code and peak resident MiB, in code and peak; stderr in err
ran() {
    local memory=$1
    shift
    rm -f out.h5
    read -r code peak < <(python3 - "$SLAB" "$@" --memory "$memory" <<'PY'
import resource, subprocess, sys
with open("err", "w") as err:
    done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=err)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
    )
}

# enough WORDS...: 64 KiB are refused; what is named is enough, and is what is used. Quiet: a warning
# that threads share cores would be another line.
enough() {
    ran 64K "$@" -q
    local lines named
    lines=$(wc -l <err)
    named=$(grep -oE -- '--memory [0-9]+M' err | grep -oE '[0-9]+')
    if [ "$code" != 2 ] || [ "$lines" != 1 ] || [ -z "$named" ] || [ -e out.h5 ]; then
        fail "slab $*: exit $code within 64 KiB, $(ls out.h5 2>/dev/null): $(cat err)"
        return
    fi
    [ "$peak" -le 64 ] || fail "slab $*: takes $peak MiB to refuse"
    ran "${named}M" "$@" -q
    [ "$code" = 0 ] && [ "$peak" -le $((named + 64)) ] &&
        pass "$named MiB, $peak resident: slab $*" ||
        fail "$named MiB are not enough (exit $code, $peak MiB resident): slab $*: $(cat err)"
}

x=in.h5:/x y=in.h5:/y o="-o out.h5"
for t in ${1:-2}; do
    enough calc 'x - mean(x, axis=0)' x=$x $o -@ $t
    enough calc 'a = cumsum(y, axis=0); b = sqrt(abs(x)); m = median(y); s = std(x, axis=1)' x=$x y=$y $o -@ $t
    enough calc 'h = histogram(y, bins=200000); z = y - mean(y); q = quantile(y, 0.9)' y=$y $o -@ $t
    enough calc 'cov(y[:, :700], rowvar=False)' y=$y $o -@ $t
    enough calc 'topk(y, 300000)' y=$y $o -@ $t
    enough calc 'random_normal((3000, 1001))' $o -@ $t
    enough reduce mean,std,min,argmax,nansum $y --axis 0 $o -@ $t
    enough calc 'a = mean(broadcast_to(y, (2, 1601, 1613)), axis=0); b = argmax(y, axis=0)' y=$y $o -@ $t
    enough reduce norm $x -@ $t
    enough quantile $y -p 0.1,0.2,0.3,0.4,0.5 $o -@ $t
    enough quantile $y -p 0.1,0.2,0.3,0.4,0.5 --axis 1 $o -@ $t
    enough quantile $y --approx $o -@ $t
    enough hist $y --bins 500000 $o -@ $t
    enough hist $x $y --bins 300 $o -@ $t
    enough unique $y --counts $o -@ $t
    enough unique in.h5:/ids $o -@ $t
    enough group mean,std,max in.h5:/rows by=in.h5:/ids $o -@ $t
    enough diff $y $y -@ $t
    enough copy $y $o --chunks 100x100 -@ $t
    enough stat $y --axis 0 -@ $t
done
enough calc 'y[:600, :1600]' y=$y --json
enough unique in.h5:/ids --counts --json
finish
