#!/usr/bin/env bash
# libh5zstd.so in programs that are not slab: h5py, h5dump; and what it is linked to.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/python.sh"
export HDF5_PLUGIN_PATH=${SLAB_PLUGIN:?}
if command -v readelf >/dev/null; then
    needed=$(readelf -d "$SLAB_PLUGIN/libh5zstd.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
    case "$needed" in
    *hdf5* | *mpi*) echo "FAILS the plugin is linked to $needed: one file must serve every HDF5" && exit 1 ;;
    *zstd*) ;;
    *) echo "FAILS the plugin is not linked to libzstd: $needed" && exit 1 ;;
    esac
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$PYTHON" "$here/check_plugin.py" "$work"
