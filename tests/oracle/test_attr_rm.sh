#!/usr/bin/env bash
# slab attr and slab rm against h5py.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
exec "$PYTHON" "$here/check_attr_rm.py"
