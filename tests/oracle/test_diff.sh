#!/usr/bin/env bash
# slab diff against NumPy, h5py and h5diff.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
command -v h5diff >/dev/null || { echo "skipped: no h5diff here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
exec "$PYTHON" "$here/check_diff.py"
