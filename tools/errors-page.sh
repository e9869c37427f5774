#!/usr/bin/env bash
# Writes docs/errors.md from the one list of errors, SLAB_STATUS_LIST in storage/base/status.h.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cat <<'END'
# Errors

A failing command prints one line, `slab: ` and what went wrong; `-v` adds the name below and the
place in the source. Exit codes: 0 fine, 1 differs or check failed, 2 error, 75 stopped at a
checkpoint by a signal or the time limit: the same command continues, or starts over where it keeps
nothing (the message says which). 75 too where what an earlier run has left is found broken twice.

Made by `tools/errors-page.sh` from `storage/base/status.h`.

| name | value | meaning |
|---|---|---|
END
sed -nE 's/^ *X\((OK|ERR_[A-Z0-9]+), ([0-9]+), "(.*)"\).*/| \1 | \2 | \3 |/p' \
    "$top/storage/base/status.h"
