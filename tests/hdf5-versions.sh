#!/usr/bin/env bash
# Builds slab and runs its tests against the HDF5, MPI and compiler of other Debian releases, each in
# a folder of its own (debootstrap, chroot). By hand: needs root, the network, debootstrap and some
# 2 GB a release. docs/dependencies.md says what came out.
#
#   tests/hdf5-versions.sh                     trixie and sid
#   tests/hdf5-versions.sh sid -- -R unit      words behind -- are passed on to ctest
#   CC=clang tests/hdf5-versions.sh trixie     with another compiler
#   ROOTS=/scratch tests/hdf5-versions.sh      where the releases lie; remove it when done
#   SANITIZE=address,undefined ...             as -DSLAB_SANITIZE takes them
#   DATA=/folder ...                           test data that lie beside a clone in ../shared/data
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
roots=${ROOTS:-/var/tmp/slab-hdf5}
mirror=${MIRROR:-http://deb.debian.org/debian}

# In the release, with mounts that end with the process: nothing of this machine is left bound when
# the folder is removed. The shell stays the first process: it buries what tests kill.
inside() {
    unshare --mount --pid --fork --kill-child bash -c '
        root=$1 && shift
        mount --make-rprivate /
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        if [ -n "${DATA:-}" ]; then
            mkdir -p "$root/shared/data"
            mount --bind -o ro "$DATA" "$root/shared/data"
        fi
        chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive CC="${CC:-}" SANITIZE="${SANITIZE:-}" bash -c "$@"' \
        inside "$@"
}

prepare() { # release
    local root=$roots/$1 packages
    if [ ! -e "$root/.ready" ]; then
        rm -rf --one-file-system "$root"
        debootstrap --variant=minbase "$1" "$root" "$mirror" && touch "$root/.ready" || return 1
    fi
    packages=$(tr '\n' ' ' <"$top/tests/packages.txt")
    # Valid-Until: MIRROR may be a snapshot of the archive.
    inside "$root" "apt-get update -qq -o Acquire::Check-Valid-Until=false &&
        apt-get install -y -qq --no-install-recommends $packages ${CC:-} >/dev/null" prepare
}

copy_source() { # release
    local to=$roots/$1/slab
    mkdir -p "$to"
    find "$to" -mindepth 1 -maxdepth 1 ! -name 'build*' -exec rm -rf {} +
    (cd "$top" && git ls-files -z --cached --others --exclude-standard |
        xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
        tar --null -T - -cf -) | tar -C "$to" -xf - --no-same-owner
}

test_release() { # release, words for ctest
    local root=$roots/$1
    shift
    inside "$root" '
        set -e
        cd /slab
        build=build${CC:+-$CC}${SANITIZE:+-${SANITIZE%%,*}}
        [ -n "$CC" ] || unset CC
        cmake -S . -B "$build" -G Ninja -DSLAB_WERROR=ON -DSLAB_SANITIZE="$SANITIZE" >/dev/null
        ninja -C "$build" -k 0
        "$build"/tools/slab version
        ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" -LE long "$@"' \
        test "$@"
}

releases=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    releases+=("$1")
    shift
done
[ $# -eq 0 ] || shift
[ ${#releases[@]} -gt 0 ] || releases=(trixie sid)
[ "$(id -u)" = 0 ] || {
    echo "only root can make and enter a Debian release" >&2
    exit 1
}

mkdir -p "$roots"
failed=0
for release in "${releases[@]}"; do
    echo "== $release"
    # errexit is off in what a condition calls: each step says itself whether it failed.
    if ! { prepare "$release" && copy_source "$release" && test_release "$release" "$@"; }; then
        echo "== $release: failed" >&2
        failed=1
    fi
done
exit $failed
