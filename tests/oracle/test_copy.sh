#!/usr/bin/env bash
# slab copy against h5py and h5diff.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
exec "$PYTHON" "$here/check_copy.py"
