#!/usr/bin/env bash
# Several processes at one file: readers (slab, h5py, h5dump) while a writer commits again and again
# never see half of a commit, with locks and, slab's own, without; a second writer is told who the
# first is; a commit waits for those who have the file open. Outputs that are inputs, under whatever
# name, and outputs that exist are refused; rights and names of temporary files.
#
#   SLAB_SECONDS=300 SLAB_FAULT_ONLY='readers|umask' bash test_together.sh
NEEDS_SHIM=1 . "$(dirname "${BASH_SOURCE[0]}")/common.sh"
exec "$PYTHON" "$here/together.py"
