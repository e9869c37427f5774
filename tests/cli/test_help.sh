#!/usr/bin/env bash
# Help, man pages and completion exist for every command and agree with each other.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slab help >overview
check "the overview" grep -q 'Usage: slab COMMAND' overview
slab help --man slab >slab.1
slab help --completion bash >slab.bash
check "the completion script is bash" bash -n slab.bash

# complete WORD...: what bash would offer for the last word
complete_words() {
    bash -c '. ./slab.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _slab; printf "%s\n" "${COMPREPLY[@]}"' \
        _ "$@"
}
for verb in $(verbs); do
    slab help "$verb" >page 2>&1 || fail "slab help $verb"
    slab "$verb" --help >again 2>&1 || fail "slab $verb --help"
    same "slab help $verb is slab $verb --help" page again
    grep -q "^  $verb " overview || fail "$verb is missing in the overview"
    grep -q '^Usage: slab '"$verb" page || fail "no usage line for $verb"
    [ "$(awk 'length > 79' page | grep -vcE '^  slab')" = 0 ] || fail "help $verb has lines over 79 columns"
    slab help --man "$verb" >page.1
    for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS'; do
        grep -q "^.SH $section" page.1 || fail "man page of $verb has no $section"
    done
    if command -v groff >/dev/null; then
        [ -z "$(groff -man -Tutf8 -ww page.1 2>&1 >/dev/null)" ] || fail "groff warns about $verb"
    fi
    complete_words slab "$verb" -- | sort >offered
    grep -oE -- '--[a-z][a-z-]+' <(grep -E '^ +(-., )?--' page) | sort -u >named
    same "completion of $verb offers the options of its help" <(sort -u offered) named
    plain=$(sed 's/\\-/-/g; s/\\f[BRI]//g' page.1)
    while read -r option; do
        grep -qF -- "$option" <<<"$plain" || fail "man page of $verb lacks $option"
    done <named
done
[ "$(complete_words slab im)" = import ] && pass "commands are completed" || fail "commands are completed"
[ "$(complete_words slab random --backend co)" = collective ] &&
    pass "choices are completed" || fail "choices are completed"
same "--help anywhere is help" <(slab stat x --axis 3 --help) <(slab help stat)
same "slab --help" <(slab --help) overview
same "slab --version" <(slab --version) <(slab version)
finish
