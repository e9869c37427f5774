#!/usr/bin/env bash
# slab unique and slab group against NumPy.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
exec "$PYTHON" -W ignore "$here/check_group_numpy.py"
