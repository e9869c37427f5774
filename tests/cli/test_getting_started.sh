#!/usr/bin/env bash
# docs/getting-started.md: every block of commands in it runs, in order, in one folder.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mkdir bin
ln -s "$SLAB" bin/slab
export PATH=$work/bin:$PATH
awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on' "$SLAB_SOURCE/docs/getting-started.md" |
    grep -v '^#skip' >commands.sh
[ "$(grep -c '^slab\|^mpirun' commands.sh)" -ge 10 ] || fail "the page has hardly a command"
check "the commands of docs/getting-started.md" bash -euxo pipefail commands.sh
[ $failed = 0 ] || cat check.err
finish
