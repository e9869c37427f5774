#!/usr/bin/env bash
# A fixed sample of generated expressions against NumPy 2. The long run, 20,000 cases and more:
#     tests/oracle/test_calc_numpy.sh 20000 [SEED]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${SLAB_BUILD:=$here/../../build}" "${SLAB:=$SLAB_BUILD/tools/slab}"
export SLAB SLAB_BUILD
export HDF5_PLUGIN_PATH=${HDF5_PLUGIN_PATH:-$SLAB_BUILD/plugin}
. "$here/numpy2.sh"
exec "$PYTHON2X" "$here/calc_cases.py" "${1:-600}" "${2:-1}"
