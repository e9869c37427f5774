#!/usr/bin/env bash
# docs/functions: every function of expressions has a page that the registry's help and examples are
# on; they run, and print what the page says. GOLDEN=write makes the outputs anew.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
mkdir bin
ln -s "$SLAB" bin/slab
export PATH=$work/bin:$PATH
pages=$SLAB_SOURCE/docs/functions

slab help functions | sed -nE 's/^  ([a-z][a-z0-9_.]*) .*/\1/p' >functions.txt
n=$(wc -l <functions.txt)
[ "$n" -ge 150 ] && pass "$n functions" || fail "hardly a function: $n"

# page NAME: the pages in whose title it stands
page() { awk -v name="$1" 'FNR == 1 { sub(/^# /, ""); n = split($0, names, ", ")
    for (i = 1; i <= n; i++) if (names[i] == name) print FILENAME }' "$pages"/*.md; }

# called NAME PAGE: does an example of the page call it?
called() {
    local call=${1//./\\.}
    case $1 in
    ndarray.*) call="[])a-z]\\.${1#ndarray.}" ;;
    *) call="(^|[^a-z_.])$call" ;;
    esac
    grep '^\$ slab calc' "$2" | grep -qE "$call\\("
}

bad=0
while read -r name; do
    file=$(page "$name")
    case $file in
    "") fail "no page of docs/functions is about $name"; bad=1 ;;
    *$'\n'*) fail "several pages are about $name: $file"; bad=1 ;;
    *)
        called "$name" "$file" || { fail "no example on $file calls $name"; bad=1; }
        grep -qE "^\\$ slab help '?${name//./\\.}(\\(\\))?'?$" "$file" || { fail "$file does not show 'slab help $name'"; bad=1; }
        grep -qF "[$name]($(basename "$file"))" "$pages/README.md" || { fail "docs/functions/README.md does not name $name"; bad=1; }
        ;;
    esac
done <functions.txt
[ $bad = 0 ] && pass "each has a page, an example, its help, and is in the list"
for file in "$pages"/*.md; do
    [ "$(basename "$file")" = README.md ] && continue
    for name in $(sed -n '1s/^# //; 1s/,//gp' "$file"); do
        grep -qxF "$name" functions.txt || fail "$file is about $name, which is no function"
    done
    if python3 "$SLAB_SOURCE/tests/cli/page.py" "$file" >page.out; then
        pass "the examples of docs/functions/$(basename "$file")"
    else
        fail "the examples of docs/functions/$(basename "$file")"
        cat page.out
    fi
done

# the runner of pages sees what is wrong
printf '```console\n$ echo 1.5\n1.6\n```\n' >wrong.md
python3 "$SLAB_SOURCE/tests/cli/page.py" wrong.md >/dev/null && fail "a wrong output is accepted" || pass "a wrong output is seen"
printf '```console\n$ false\n```\n' >wrong.md
python3 "$SLAB_SOURCE/tests/cli/page.py" wrong.md >/dev/null && fail "a failure is accepted" || pass "a failure is seen"
printf '```console\n$ seq 5\n1\n...\n5\n```\n' >right.md
check "dots stand for lines" python3 "$SLAB_SOURCE/tests/cli/page.py" right.md

# help: aliases, names that commands have too, and mistakes
same "an alias has the page of its function" <(slab help abs) <(slab help absolute)
slab help diff | tail -1 | grep -qF "slab help 'diff()'" && pass "help of a command names the function" || fail "slab help diff"
slab help 'diff()' | grep -q '^diff(a, n=1, axis=-1)$' && pass "diff() is the function" || fail "slab help 'diff()'"
refuses 2 "did you mean 'quantile'" slab help quantil
refuses 2 "not a slab command or function" slab help frobnicate
same "a variable's own correlation is 1" <(slab calc 'corrcoef(array([[1, 2, 3], [3, 2, 1]]))') <(printf '1\t-1\n-1\t1\n')
finish
