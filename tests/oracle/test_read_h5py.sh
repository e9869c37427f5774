#!/usr/bin/env bash
# What h5py writes, slab reads: every layout, filter, byte order and type, element by element.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
exec "$PYTHON" "$here/check_read_h5py.py" "${SLAB:?}" "$work"
