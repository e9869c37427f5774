#!/usr/bin/env bash
# Files made to mislead: decompression bombs, chunks that overlap or lie outside of the file, indexes and
# links in circles, lengths of gigabytes, names that draw on the terminal, things that are no files. Each
# call ends in time, within its memory, and says what is wrong where, in one line; lies.py has them all.
#
#   SLAB_FAULT_ONLY='zstd' bash test_lies.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
exec "$PYTHON" "$here/lies.py" "$@"
