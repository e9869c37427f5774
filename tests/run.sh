#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests. Debian 12; any folder, any clone.
#
#   tests/run.sh                 everything that CI runs
#   tests/run.sh -L unit         words are passed on to ctest
#   BUILD=/tmp/b tests/run.sh    builds elsewhere than in build/
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD:-$top/build}

bash "$top/tools/install-packages.sh"
bash "$top/tests/batch/get-slurm.sh" "$build/slurm" || echo "no Slurm: the tests of tests/batch are skipped" >&2
cmake -S "$top" -B "$build" -G Ninja -DSLAB_WERROR=ON -DSLAB_TESTS=ON
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" -LE long "$@"
