# Finds a Python that can import h5py and NumPy: the one on the PATH may not be Debian's.
for candidate in "${PYTHON:-}" /usr/bin/python3 python3 python3.11; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import h5py, numpy' 2>/dev/null; then
        PYTHON=$candidate
        break
    fi
done
if ! "${PYTHON:-false}" -c 'import h5py, numpy' 2>/dev/null; then
    echo "skipped: no Python here can import h5py and numpy"
    exit 77
fi
export PYTHON
