#!/usr/bin/env bash
# Files that slab did not write must ls, info, stat and verify as they are: the GWOSC strain
# (deflate + fletcher32) and two 10x count matrices.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
export DATA=$SLAB_SOURCE/../shared/data
[ -d "$DATA/astro" ] || { echo "skipped: no $DATA/astro"; exit 77; }
exec "$PYTHON" "$here/check_foreign_files.py"
