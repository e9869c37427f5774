#!/usr/bin/env bash
# docs/getting-started.md and README.md: every block of commands in them runs, in order, in one
# folder, and prints what the page says (page.py).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mkdir bin
ln -s "$SLAB" bin/slab
export PATH=$work/bin:$PATH
is_sanitized && export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # of MPI, in mpirun
for page in docs/getting-started.md README.md; do
    awk '/^```(sh|console)/ { on = 1; next } /^```/ { on = 0 } on' "$SLAB_SOURCE/$page" >commands
    [ "$(grep -cE '^(\$ )?(slab|mpirun)' commands)" -ge 9 ] || fail "$page has hardly a command"
    rm -rf page
    mkdir page
    if env -C page python3 "$SLAB_SOURCE/tests/cli/page.py" "$SLAB_SOURCE/$page" >page.out; then
        pass "the commands of $page"
    else
        fail "the commands of $page"
        cat page.out
    fi
done
for verb in calc reduce quantile hist group unique; do
    for page in docs/getting-started.md README.md; do
        grep -qE "^(\\$ )?slab $verb" "$SLAB_SOURCE/$page" || fail "$page does not show 'slab $verb'"
    done
done
finish
