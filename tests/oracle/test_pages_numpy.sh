#!/usr/bin/env bash
# The examples of docs/functions give what NumPy 2 gives.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${SLAB_BUILD:=$here/../../build}" "${SLAB:=$SLAB_BUILD/tools/slab}" "${SLAB_SOURCE:=$here/../..}"
export SLAB SLAB_BUILD SLAB_SOURCE
. "$here/numpy2.sh"
exec "$PYTHON2X" "$here/check_pages_numpy.py"
