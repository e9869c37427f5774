#!/usr/bin/env bash
# Wrong command lines: exit code 2, one clear line, and nothing done.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

refuses 2 "'frobnicate' is not a slab command" slab frobnicate
refuses 2 "did you mean 'import'" slab imprt x.bed
refuses 2 "did you mean 'stat'" slab stta x.h5
refuses 2 "no option --thread; did you mean --threads" slab stat x.h5 --thread 3
refuses 2 "no option --xyzzy" slab stat x.h5 --xyzzy
refuses 2 "no option -Z" slab ls -Z x.h5
refuses 2 "no option -Z" slab ls -lZ x.h5
refuses 2 "no option -x .*begins with - comes after --" slab calc '-x' x=x.h5:/x
refuses 2 "--axis needs a value" slab stat x.h5 --axis
refuses 2 "--axis needs a whole number, not 'x'" slab stat x.h5 --axis x
refuses 2 "--axis needs a whole number, not '1.5'" slab stat x.h5 --axis=1.5
refuses 2 "--axis needs a whole number, not '99999999999999999999'" slab stat x.h5 --axis 99999999999999999999
refuses 2 "--threads needs a whole number of at least 1" slab stat x.h5 -@ 0
refuses 2 "--threads needs a whole number of at least 1" slab stat x.h5 -@-3
refuses 2 "--memory needs a size" slab stat x.h5 --memory lots
refuses 2 "--memory needs a size" slab stat x.h5 --memory 0
refuses 2 "--json takes no value" slab stat x.h5 --json=yes
refuses 2 "--chunks needs extents" slab random normal --shape 10x10 --chunks 10y10 -o o.h5
refuses 2 "--chunks: every extent must be at least 1" slab random normal --shape 10x10 --chunks 0x10 -o o.h5
refuses 2 "no filter is called 'zip'" slab random normal --shape 10x10 --filter zip -o o.h5
refuses 2 "level" slab random normal --shape 10x10 --filter zstd:x -o o.h5
refuses 2 "--backend is one of log\|collective" slab random normal --shape 10x10 --backend x -o o.h5
refuses 2 "--dtype needs an element type" slab random normal --shape 10x10 --dtype f9 -o o.h5
refuses 2 "--shape needs extents" slab random normal --shape 10x-3 -o o.h5
refuses 2 "needs --shape" slab random normal -o o.h5
refuses 2 "needs -o" slab random normal --shape 10x10
refuses 2 "did you mean 'normal'" slab random norml --shape 10x10 -o o.h5
refuses 2 "--fst means nothing to 'slab random normal'" slab random normal --shape 10x10 --fst 0.1 -o o.h5
refuses 2 "--fst needs a number from 0 to 1" slab random genotypes --shape 10x10 --fst 2 -o o.h5
refuses 2 "--low needs a number, not 'nan'" slab random uniform --shape 10x10 --low nan -o o.h5
refuses 2 "--low needs a whole number for integers" slab random integers --shape 10x10 --low 0.5 -o o.h5
refuses 2 "--seed needs a whole number of at least 0" slab random normal --shape 10x10 --seed -1 -o o.h5
refuses 2 "--scratch '/nowhere' is not a folder" slab random normal --shape 10x10 --scratch /nowhere -o o.h5
refuses 2 "'slab stat' needs FILE" slab stat
refuses 2 "'b.h5' is too much" slab stat a.h5 b.h5
refuses 2 "'slab version' takes no arguments" slab version now
refuses 2 "'slab help' takes" slab help a b
refuses 2 "'nothing' is not a slab command" slab help nothing
refuses 2 "--output needs a value that is not empty" slab stat x.h5 -o ''
refuses 2 "nowhere.h5" slab ls nowhere.h5
refuses 2 "nowhere.h5" slab info nowhere.h5:/x
refuses 2 "nowhere.bed" slab import nowhere.bed -o o.h5
refuses 2 "needs --format" slab export nowhere.h5:/x -o -
refuses 2 "no format is called 'xls'" slab import x --format xls -o o.h5
[ ! -e o.h5 ] && pass "no output is left behind" || fail "an output is left behind"

"$SLAB" >none.out 2>none.err
[ $? = 2 ] && grep -q 'Usage: slab COMMAND' none.err && [ ! -s none.out ] &&
    pass "without a command: the overview on stderr, exit code 2" || fail "without a command"

# spellings of options that must all mean the same
slab random normal --shape 4x5 --seed 7 -o a.h5:/x -q
slab random normal -o b.h5:/x --seed=7 --shape=4x5 -q
slab random --shape 4x5 -qvq -ob.h5:/y --seed 7 normal 2>/dev/null
slab random --shape 4x5 --seed 3 --seed 7 -q -o b.h5:/z -- normal
for one in b.h5:/x b.h5:/y b.h5:/z; do
    slab dump $one >one
    slab dump a.h5:/x >two
    same "options in another spelling: $one" one two
done

# no option begins like these
slab calc '-(2-5)' >minus && slab calc -1+4 >>minus && slab calc -.5*-6 >>minus && slab calc -- '-3*-1' >>minus
printf '3\n3\n3\n3\n' | diff - <(sed 's/\.0*$//' minus) >/dev/null && pass "expressions that begin with -" ||
    fail "expressions that begin with -: $(cat minus)"

# what is wrong with a file or a path is said, with exit code 2
refuses 2 "y" slab stat a.h5:/y
refuses 2 "holds 3 arrays: name one" slab stat b.h5
refuses 2 "takes no selection" slab ls 'a.h5:/x[0]'
refuses 2 "no '/x.0'" slab head 'a.h5:/x[0'
refuses 2 "a.h5:/x.*99|99" slab dump 'a.h5:/x[99]'
refuses 2 "exists already; --force replaces it" slab random normal --shape 2x2 -o a.h5:/x
refuses 2 "the output 'a.h5:/x' is an input" slab pca a.h5:/x -k 1 -o a.h5:/x --force
echo text >text.txt
refuses 2 "text.txt" slab ls text.txt
refuses 2 "text.txt" slab random normal --shape 2x2 -o text.txt:/x
mkdir folder
refuses 2 "folder" slab random normal --shape 2x2 -o folder:/x
refuses 2 "memory" slab random normal --shape 4000x4000 --chunks 4000x4000 --memory 8M -o m.h5

# -v adds the code and the place
slab stat nowhere.h5 -v 2>err
grep -qE '\[ERR_NOT_FOUND, storage/[a-z_0-9/]+\.c:[0-9]+\]' err &&
    pass "-v names the code and the place" || fail "-v names the code and the place"
finish
