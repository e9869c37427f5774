#!/usr/bin/env bash
# Element-wise operations, literals and casts against NumPy 2.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for candidate in "${NUMPY2_PYTHON:-}" python3 /usr/bin/python3; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import numpy; assert numpy.__version__ >= "2.3"' 2>/dev/null; then
        exec "$candidate" "$here/check_ops_numpy.py"
    fi
done
echo "skipped: no Python here has NumPy 2.3; point NUMPY2_PYTHON at one that has"
exit 77
