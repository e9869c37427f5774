#!/usr/bin/env bash
# Small files, written in every way in which slab writes: each call of tests/cli/calls.sh that writes
# HDF5, where nothing is, beside something else and with --force; several ranks, the collective
# backend, copies of what h5py can write, attributes, rm, a run that was killed and continued. Then one
# byte after the other is changed. Where h5py sees something else than before, verify must have said so.
#
#   SLAB_ALL=1 SLAB_SECONDS=0 SLAB_FAULT_ONLY='a copy' bash test_sealed.sh    every byte, three ways
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
: "${SLAB_FLIPS:?the library that changes bytes}"
grep -qE '__(a|t)san_init' "$SLAB" && { echo "skipped: sanitizers do not share their place with a preloaded library"; exit 77; }
exec "$PYTHON" "$here/sealed.py"
