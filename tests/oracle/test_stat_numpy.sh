#!/usr/bin/env bash
# slab stat against NumPy: every number type, odd shapes, missing values, axes and selections.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
exec "$PYTHON" "$here/check_stat_numpy.py"
