#!/usr/bin/env bash
# Element-wise operations, literals and casts against NumPy 2.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/numpy2.sh"
grep -q '__tsan_init' "$SLAB" && { echo "skipped: clang has no thread sanitizer for a library that Python loads"; exit 77; }
# A sanitizer must be there before the library that Python loads.
grep -q '__asan_init' "$SLAB" && export LD_PRELOAD=$("${CC:-gcc}" -print-file-name=libasan.so)
exec "$PYTHON2X" "$here/check_ops_numpy.py"
