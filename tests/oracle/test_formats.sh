#!/usr/bin/env bash
# Foreign formats both ways: PLINK against plink2 and h5py, NPY against np.save and np.load, CSV
# against Python's own numbers; on 1, 2 and 4 ranks; and what must be refused, with the place.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PYTHONDONTWRITEBYTECODE=1
for format in plink npy csv; do
    "$PYTHON" "$here/check_$format.py"
done
