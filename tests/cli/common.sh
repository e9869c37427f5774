# What the command-line tests share: a folder to work in, and checks that say what they checked.
set -uo pipefail
: "${SLAB:?the program to test}" "${SLAB_SOURCE:?the sources}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export SOURCE_DATE_EPOCH=0 TZ=UTC LC_ALL=C
failed=0

slab() { "$SLAB" "$@"; }
# MPI's own modules leak when they are unloaded; on one rank leaks are looked for.
ranks() { ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 mpirun --oversubscribe -n "$1" "$SLAB" "${@:2}"; }

pass() { echo "ok    $*"; }
# A failure in a pipeline is that of a subshell: the file tells finish.
fail() { echo "FAILS $*"; failed=1; touch "$work/.failed"; }

# check WHAT COMMAND...: the command succeeds
check() {
    local what=$1
    shift
    if "$@" >check.out 2>check.err; then
        pass "$what"
    else
        fail "$what: exit code $?"
        head -20 check.out check.err
    fi
}

# refuses CODE PATTERN COMMAND...: ends with the code, and with one line on stderr that matches
refuses() {
    local code=$1 pattern=$2 got
    shift 2
    "$@" >refuses.out 2>refuses.err
    got=$?
    if [ $got != "$code" ]; then
        fail "$*: exit code $got, not $code"
        head -5 refuses.out refuses.err
    elif [ "$(wc -l <refuses.err)" != 1 ] || ! grep -qE -- "$pattern" refuses.err; then
        fail "$*: its message is not one line with '$pattern':"
        head -5 refuses.err
    elif [ -s refuses.out ]; then
        fail "$*: prints to stdout though it fails"
    else
        pass "$* -> $(cat refuses.err)"
    fi
}

# same WHAT FILE FILE
same() {
    if cmp -s "$2" "$3"; then
        pass "$1"
    else
        fail "$1"
        diff "$2" "$3" | head -20
    fi
}

# golden NAME: compares stdin with golden/NAME; GOLDEN=write makes it anew
golden() {
    local expected=$SLAB_SOURCE/tests/cli/golden/$1
    cat >golden.out
    if [ "${GOLDEN:-}" = write ]; then
        cp golden.out "$expected"
    fi
    same "golden/$1" "$expected" golden.out
}

is_json() { python3 -c 'import json,sys; json.load(sys.stdin)'; }

# json EXPRESSION: prints a value of the JSON on stdin, named j
json() { python3 -c 'import json,sys; j=json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }

finish() {
    [ ! -e "$work/.failed" ] || failed=1
    exit "$failed"
}

# the verbs, as the list has them
verbs() { sed -nE 's/^SLAB_COMMAND\((.*)\)$/\1/p' "$SLAB_SOURCE/tools/command_list.h" | tr _ -; }

# Programs built with sanitizers use other memory and need their libraries everywhere.
is_sanitized() { grep -qE '__(a|t)san_init' "$SLAB"; }
