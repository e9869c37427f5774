#!/usr/bin/env bash
# kill -9 at random moments of one rank, of all ranks or of mpirun, for every call of
# tests/cli/calls.sh that writes, on 1, 2 and 4 ranks, where nothing is, into a file that exists, and in
# the place of an older result. Afterwards every file is readable by h5dump and h5py and holds what it
# held before or all that it was to hold; the same command run again succeeds and tidies up.
#
#   SLAB_KILLS=500 SLAB_SEED=7 SLAB_SECONDS=100 SLAB_FAULT_ONLY='pca|rm' bash test_kill.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
exec "$PYTHON" "$here/kill.py"
