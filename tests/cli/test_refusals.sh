#!/usr/bin/env bash
# Bad input of the array layer's verbs: exit code 2, one clear line (an expression's is shown above
# it, with the character), and no output; and what is empty or has no axes but has an answer.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slab calc 'x = arange(12.0)[:, None][:, 0]; i = arange(5); r = arange(5.0); e = zeros((0, 4)); v = zeros(0);
    s = float64(3) + zeros(()); c = zeros((3, 4)) * 1j; l = arange(3) % 2; g = zeros(0, dtype=int32)' -q -o t.h5
slab calc 'm = arange(3.0)[:, None] * 4 + arange(4.0); n = array([nan, 1.0])' -q -o t.h5:/more
m=t.h5:/more/m c=t.h5:/c e=t.h5:/e r=t.h5:/r s=t.h5:/s l=t.h5:/l

# no PATTERN WORDS...: refused, also with -o, which then leaves nothing
no() {
    local pattern=$1
    shift
    refuses 2 "$pattern" "$SLAB" "$@"
    refuses 2 "$pattern" "$SLAB" "$@" -o out.h5
    ls out.h5* 2>/dev/null && fail "slab $* leaves an output"
}

# no_calc PATTERN TEXT INPUT...: the same where the text is shown: the message is the last line
no_calc() {
    local pattern=$1 more
    shift
    for more in "" "-o out.h5"; do
        "$SLAB" calc "$@" $more >calc.out 2>calc.err
        if [ $? = 2 ] && [ ! -s calc.out ] && [ ! -e out.h5 ] && tail -1 calc.err | grep -qE -- "$pattern" &&
            [ "$(grep -c ^slab: calc.err)" = 1 ]; then
            pass "calc $1 $more -> $(tail -1 calc.err)"
        else
            fail "calc $1 $more: $(cat calc.out calc.err)"
        fi
    done
}

# gives EXPECTED WORDS...: what is printed, words parted by one blank
gives() {
    local expected=$1 got
    shift
    got=$("$SLAB" "$@" 2>&1 | tr '\n\t' '  ' | tr -s ' ' | sed 's/ $//')
    [ "$got" = "$expected" ] && pass "$* -> $got" || fail "$*: '$got', not '$expected'"
}

no_calc "no function 'frob'" 'frob(x)' x=$m
no "'q' is not defined" calc 'x + q' x=$m
no "does not use 'y'" calc 'x' x=$m y=$m
no_calc "axis 2 is outside an array of 2 axes" 'sum(x, axis=2)' x=$m
no_calc "axis 5 is outside" 'cumsum(x, axis=5)' x=$m
no_calc "shapes \[3, 4\] and \[5\]" 'x + r' x=$m r=$r
no_calc "not defined for float64" 'x & x' x=$m
no_calc "need real numbers, not complex128" 'median(c)' c=$c
no_calc "real numbers, not of complex128" 'cov(c)' c=$c
no_calc "13 of the elements are asked for, there are 12" 'topk(x, 13)' x=$m
no_calc "max over no elements" 'max(e)' e=$e
no_calc "one or two axes, not of shape \[\]" 'cov(s)' s=$s

deep=$(printf 'x = x[::-1] + 1; %.0s' {1..400}) wide=$(printf 'x = x[::-1] + x; %.0s' {1..34})
sums=$(printf 'x = cumsum(x) + x; %.0s' {1..34})
no_calc "at character [0-9]*: more than 500 slices and running totals inside each other" "$deep y = x" x=$r
no_calc "at character [0-9]*: slices and running totals that are evaluated anew" "$wide y = x" x=$r
no_calc "at character [0-9]*: .*slices and running totals that are evaluated anew" "$sums y = x" x=$r

no "there is no reduction 'maen'; did you mean 'mean'" reduce maen $m
no "there is no reduction ''" reduce sum, $m
no "axis 2: the array has 2 axes" reduce sum $m --axis 2
no "axis -3: the array has 2 axes" reduce sum $m --axis -3
no "axis 0: the array has 0 axes" reduce sum $s --axis 0
no "max over no elements" reduce max $e
no "nothing but NaN" reduce nanargmax 't.h5:/more/n[:1]'

no "need real numbers" quantile $c
no "axis 2: the array has 2 axes" quantile $m --axis 2
no "quantile 1.5 is not between 0 and 1" quantile $m -p 1.5
no "no quantile method 'frob'" quantile $m --method frob
no "a quantile of no elements" quantile $e
no "a quantile of no elements" quantile $e --axis 0
no "approx takes the whole array" quantile $m --approx --axis 1

no "needs real numbers" hist $c
no "shape \[3, 4\] and \[5\]" hist $m $r
no "shape \[3, 4\] and \[5\]" hist $m --weights $r
no "whole number of at least 1" hist $m --bins 0
no "from 3 to 1 falls" hist $m --range 3,1
no "edges must not fall" hist $m --edges 3,1
no "from nan to nan is not finite" hist t.h5:/more/n

no "real numbers, not of complex128" unique $c

no "groups have no 'frob'" group frob $m by=$l
no "labels of shape \[5\] for an array of shape \[3, 4\]" group mean $m by=$r
no "labels of shape \[3, 4\]" group mean $m by=$m
no "groups of complex128" group mean $c by=$l
no "labels: .*not of complex128" group mean $m by='t.h5:/c[:,0]'
no "axis 2: the array has 2 axes" group mean $m by=$l --axis 2
no "the array has 0 axes" group mean $s by=$l
no "are two calls" group mean,nanmean $m by=$l
no "labels are written by=" group mean $m $l

refuses 2 "no-such.h5" "$SLAB" diff no-such.h5 t.h5
refuses 2 "nope" "$SLAB" diff t.h5:/nope $m
refuses 2 "nope" "$SLAB" copy t.h5:/nope -o out.h5:/x
refuses 2 "chunks 3 has 1 axes" "$SLAB" copy $m -o out.h5:/x --chunks 3
refuses 2 "nope" "$SLAB" rm t.h5:/nope
refuses 2 "nope" "$SLAB" attr t.h5:/nope
ls out.h5* 2>/dev/null && fail "an output is left"

# what an export may not replace, whatever --force says
mkfifo pipe.npy
refuses 2 "'pipe.npy' is not a regular file; -o - writes text" slab export $m -o pipe.npy
refuses 2 "'pipe.npy' is not a regular file; -o - writes text" slab export $m --force -o pipe.npy
[ -p pipe.npy ] && pass "a pipe stays" || fail "a pipe is replaced"
if mknod null.npy c 1 3 2>/dev/null; then
    refuses 2 "'null.npy' is not a regular file" slab export $m --force -o null.npy
    [ -c null.npy ] && pass "a device stays" || fail "a device is replaced"
fi
cp t.h5 t.copy
for end in bed bim fam; do
    ln -sf t.h5 out.$end
    refuses 2 "the output 'out.$end' is the input" slab export $m --force -o out.bed
    rm out.$end
done
same "an input stays" t.h5 t.copy

# nothing, and no axes
gives "0" calc 'sum(e)' e=$e
gives "nan nan nan nan" calc 'mean(e, axis=0)' e=$e
gives "" calc 'max(e, axis=1)' e=$e
gives "" calc 'cumsum(e, axis=0)' e=$e
gives "nan" calc 'median(e)' e=$e
gives "4" calc 's + 1' s=$s
gives "3" calc 'cumsum(s)' s=$s
gives "0 3 1 0" calc 'topk(s, 1)' s=$s
gives "sum 0 mean nan" reduce sum,mean $e
gives "3" reduce sum $s
gives "3" quantile $s
gives "" quantile $e --axis 1
gives "3 1" unique $s --counts
gives "" unique $e --counts
gives "label mean" group mean $e by=t.h5:/g
gives "label mean 0 4 5 6 7 1 4 5 6 7" group mean $m by=$l
gives '{ "counts": [ 0, 1 ], "edges": [ 2.5, 3.0, 3.5 ] }' hist $s --bins 2 --json
gives '{ "counts": [ 0, 0 ], "edges": [ 0.0, 0.5, 1.0 ] }' hist $e --bins 2 --json
for verb in "reduce sum" "quantile" "hist --bins 2" "unique --counts"; do
    for at in $e $s; do
        if [ "$verb $at" != "quantile $e" ]; then
            rm -f out.h5
            check "slab $verb $at -o" "$SLAB" $verb $at -o out.h5
        fi
    done
done
finish
