#!/usr/bin/env bash
# The same bits for any ranks, threads and budget: a sample. oracle/long_same_bits.sh has the rest.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# Sanitizers need memory of their own: budgets would not be what is tested.
grep -qE '__(a|t)san_init' "$SLAB" && { echo "skipped: sanitizers take memory of their own"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$PYTHON" -W ignore "$here/check_same_bits.py" "$@"
