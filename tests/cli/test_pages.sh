#!/usr/bin/env bash
# docs/commands/*.md: every verb has an example; the commands of a page run, in order, in a folder of
# its own, and print what the page says (page.py). GOLDEN=write makes the outputs anew.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mkdir bin
ln -s "$SLAB" bin/slab
export PATH=$work/bin:$PATH
is_sanitized && export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # of MPI, in mpirun
for verb in $(verbs); do
    page=$SLAB_SOURCE/docs/commands/$verb.md
    awk '/^```(sh|console)/ { on = 1; next } /^```/ { on = 0 } on' "$page" | grep -qE "(^|[ (])slab $verb" ||
        fail "docs/commands/$verb.md has no example that runs 'slab $verb'"
    rm -rf page
    mkdir page
    if env -C page python3 "$SLAB_SOURCE/tests/cli/page.py" "$page" >page.out; then
        pass "the commands of docs/commands/$verb.md"
    else
        fail "the commands of docs/commands/$verb.md"
        cat page.out
    fi
done
finish
