# Sets PYTHON2X to an interpreter with NumPy 2 and h5py, in an environment of its own from PyPI that
# is made once in the build folder; or skips the test, saying why.
numpy2=$SLAB_BUILD/numpy2
if ! "$numpy2/bin/python" -c 'import numpy, h5py; assert numpy.__version__ >= "2"' 2>/dev/null; then
    (
        flock 9
        "$numpy2/bin/python" -c 'import numpy, h5py' 2>/dev/null ||
            { rm -rf "$numpy2" && python3 -m venv "$numpy2" &&
                "$numpy2/bin/pip" install -q --disable-pip-version-check 'numpy>=2' h5py; }
    ) 9>"$numpy2.lock" >"$numpy2.log" 2>&1 || {
        echo "skipped: NumPy 2 cannot be had from PyPI ($numpy2.log)"
        exit 77
    }
fi
PYTHON2X=$numpy2/bin/python
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
