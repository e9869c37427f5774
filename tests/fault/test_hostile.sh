#!/usr/bin/env bash
# Files that lie. Every call of tests/cli/calls.sh that reads a file is given damaged ones: HDF5 files of
# all kinds, PLINK, NPY and CSV, with bits flipped, fields overwritten, parts cut off, zeroed or copied
# elsewhere. It ends in time, within its memory, with one line that names the file, or with what the
# undamaged file gives, or with what HDF5 reads too.
#
#   SLAB_SEED=7 SLAB_SECONDS=600 SLAB_FAULT_ONLY='dump|vlen' bash test_hostile.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
exec "$PYTHON" "$here/hostile.py" "$@"
