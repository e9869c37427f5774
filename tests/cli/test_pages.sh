#!/usr/bin/env bash
# docs/commands/*.md: the blocks of commands in a page run, in order, in a folder of its own.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mkdir bin
ln -s "$SLAB" bin/slab
export PATH=$work/bin:$PATH
ran=0
for page in "$SLAB_SOURCE"/docs/commands/*.md; do
    name=$(basename "$page" .md)
    awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on' "$page" >commands.sh
    [ -s commands.sh ] || continue
    rm -rf page
    mkdir page
    check "the commands of docs/commands/$name.md" env -C page bash -euxo pipefail ../commands.sh
    ran=$((ran + 1))
done
[ $ran -ge 2 ] && pass "$ran pages" || fail "hardly a page has commands"
finish
