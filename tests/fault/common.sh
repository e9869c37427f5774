# What the tests of tests/fault share: a Python with h5py, a shim that can be preloaded.
set -uo pipefail
: "${SLAB:?the program to test}" "${SLAB_SOURCE:?the sources}"
here=$SLAB_SOURCE/tests/fault
. "$SLAB_SOURCE/tests/oracle/python.sh"
command -v h5dump >/dev/null || { echo "skipped: no h5dump here"; exit 77; }
if grep -q '__tsan_init' "$SLAB" && [ "${NEEDS_SHIM:-}" = 1 ]; then
    echo "skipped: the thread sanitizer does not share its place with a preloaded library"
    exit 77
fi
