#!/usr/bin/env bash
# Every call of tests/cli/calls.sh in a control group that is limited to --memory and 96 MiB for each
# rank, and kills what takes more: each ends with the right result. Inputs decode to many times the
# limit, so that the page cache fills the group and must be given back. As root, with the memory
# controller of version 1 or 2.
#
#   SLAB_TIMES=20 SLAB_MEMORY=64 SLAB_FAULT_ONLY='pca|import' bash test_memory_group.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
grep -qE '__(a|t)san_init' "$SLAB" && { echo "skipped: sanitizers take memory of their own"; exit 77; }
exec "$PYTHON" "$here/memory_group.py"
