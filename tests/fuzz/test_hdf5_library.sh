#!/usr/bin/env bash
# Files that the HDF5 library does not survive, as the target hdf5 has found them: the program gives
# what can be read of them, or ends with its one line.
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
is_sanitized && { echo "skipped: sanitizers end the program themselves"; exit 77; }
export SLAB_HDF5_SECONDS=2

# What the C library itself writes when it finds that HDF5 has overrun a buffer or spoilt its heap.
libc='(\*\*\* buffer overflow detected \*\*\*: terminated|(free|malloc|realloc|munmap_chunk)\(\): .*|double free or corruption.*|corrupted .*)$'

# survives FILE WORDS...
survives() {
    local file=$1 code
    shift
    timeout 30 "$SLAB" "$@" >out 2>err
    code=$?
    if [ $code = 0 ] || { [ $code = 2 ] && [ "$(grep -vcE "^(slab: (warning|note): |$libc)" err)" = 1 ]; }; then
        pass "$file: slab $1: exit code $code"
    else
        fail "$file: slab $*: exit code $code: $(head -c 500 err)"
    fi
    grep "bug of slab" err && fail "$file: slab $*: said to be slab's"
}

for kept in "$SLAB_SOURCE"/tests/fuzz/corpus/hdf5-library/*; do
    name=$(basename "$kept")
    cp "$kept" f.h5
    survives "$name" ls -r -l f.h5
    survives "$name" attr f.h5:/
    "$SLAB" ls -r f.h5 2>err | awk '$2 ~ /^[0-9]/ { print $1 }' | head -8 >arrays
    while read -r array; do
        survives "$name" info "f.h5:$array"
        survives "$name" dump "f.h5:$array" --memory 64M
    done <arrays
done
# MPI and UCX have handlers of their own, which print pages. Newer versions of HDF5 survive this file.
cp "$SLAB_SOURCE/tests/fuzz/corpus/hdf5-library/crash-H5D__chunk_set_info_real" f.h5
slab verify f.h5 >out 2>err
crashed=$(grep -c 'the HDF5 library crashed' err)
ranks 2 verify f.h5 >out 2>err
code=$?
if [ "$crashed" = 0 ]; then
    pass "on one rank HDF5 survives it; on two: exit code $code"
elif [ $code = 2 ] && grep -q "^slab: rank [01]: cannot read .*f.h5.*: the HDF5 library crashed" err &&
    ! grep -qiE 'backtrace|Signal:|caught signal' err; then
    pass "on two ranks: $(grep -m1 '^slab: rank' err)"
else
    fail "on two ranks: exit code $code: $(head -c 800 err)"
fi
exit $failed
