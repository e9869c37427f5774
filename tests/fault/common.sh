# What the tests of tests/fault share: a Python with h5py, a shim that can be preloaded.
set -uo pipefail
: "${SLAB:?the program to test}" "${SLAB_SOURCE:?the sources}"
here=$SLAB_SOURCE/tests/fault
. "$SLAB_SOURCE/tests/oracle/python.sh"
command -v h5dump >/dev/null || { echo "skipped: no h5dump here"; exit 77; }
if [ "${NEEDS_SHIM:-}" = 1 ] && grep -qE '__(a|t)san_init' "$SLAB"; then
    echo "skipped: sanitizers do not share their place with a preloaded library"
    exit 77
fi
