#!/usr/bin/env bash
# Loss of power, simulated: every call of tests/cli/calls.sh that writes is recorded (shim.c), and the
# states that a disk may legally be in when the power goes are made from the record (disk.py says
# which): unsynced writes dropped, reordered and torn, names old or new. In each of them files hold
# the old or all of the new content, the next command says what it tidied up and succeeds, and what a
# command that had ended well wrote is there.
#
#   SLAB_STATES=0 SLAB_SECONDS=0 SLAB_FAULT_ONLY='pca|rm' bash test_crash.sh    all states
NEEDS_SHIM=1 . "$(dirname "${BASH_SOURCE[0]}")/common.sh"
exec "$PYTHON" "$here/crash.py"
