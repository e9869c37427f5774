#!/usr/bin/env bash
# Every call of calls.sh under valgrind: no access beside what is allocated, no step that depends on
# values that were never set, nothing lost.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/calls.sh"
command -v valgrind >/dev/null || { echo "skipped: no valgrind"; exit 77; }
grep -qE '__(a|t)san_init' "$SLAB" && { echo "skipped: sanitizers have their own allocator"; exit 77; }

call_inputs 130 90 32x16 1 || { fail "the inputs"; finish; }
for key in $(printf '%s\n' "${!good[@]}" | sort); do
    check "slab $key" valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
        "$SLAB" ${key%%/*} $(call_words "$key" "out-${key//\//-}" 130x90 32x16)
done
finish
