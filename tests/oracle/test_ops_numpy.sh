#!/usr/bin/env bash
# Element-wise operations, literals and casts against NumPy 2.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/numpy2.sh"
exec "$PYTHON2X" "$here/check_ops_numpy.py"
