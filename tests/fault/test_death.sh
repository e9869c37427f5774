#!/usr/bin/env bash
# One of 2 or 4 ranks dies (SIGKILL before a call of its own, by shim.c), in every phase of everything
# that runs on several ranks and writes: plan, map broadcast, stream, merge, commit. The job ends
# within 10 seconds and not with success; files are old or new; the next run succeeds.
#
#   SLAB_DEATHS=500 SLAB_SECONDS=0 SLAB_FAULT_ONLY=pca bash test_death.sh
NEEDS_SHIM=1 . "$(dirname "${BASH_SOURCE[0]}")/common.sh"
exec "$PYTHON" "$here/death.py"
