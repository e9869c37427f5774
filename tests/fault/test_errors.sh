#!/usr/bin/env bash
# Errors of the system: a full disk (a small tmpfs for real, where root may mount one), EIO on reads,
# writes and syncs, calls cut short or interrupted, folders that are read-only or vanish, at each call
# of every call of tests/cli/calls.sh that writes. It ends with exit code 2 and one line that names a
# file, or with success and the result; what was there is there; the next run succeeds.
#
#   SLAB_SECONDS=0 SLAB_FAULT_ONLY='pca|rm' bash test_errors.sh    at every call
NEEDS_SHIM=1 . "$(dirname "${BASH_SOURCE[0]}")/common.sh"
exec "$PYTHON" "$here/errors.py"
