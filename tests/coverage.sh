#!/usr/bin/env bash
# Which lines of storage/ the tests run: builds with GCC's counters, runs all suites but the long ones,
# and prints a table by file. Fails below 90 %.
#
#   bash tests/coverage.sh                    in build-coverage
#   bash tests/coverage.sh -L unit            words go to ctest; counts add up from run to run
#   bash tests/coverage.sh --report           the table alone
#   MISSED=1 bash tests/coverage.sh --report  and the lines that no test runs
#
# Children that are killed from outside take their counts with them; those of the fault shim do not.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
build=build-coverage
if [ "${1:-}" != --report ]; then
    cmake --preset coverage >/dev/null && cmake --build --preset coverage || exit 2
    # A test that fails here and nowhere else is slow or large because of the counters: say it, go on.
    ctest --test-dir $build --output-on-failure -LE long "$@" | grep -vE '^ *(Start|[0-9]+/[0-9]+).*(Start|Passed)' |
        tail -60
fi
exec python3 - "$PWD" "$build" <<'PY'
import collections, glob, json, os, subprocess, sys

source, build = sys.argv[1:]
counts = collections.defaultdict(lambda: collections.defaultdict(int))  # file -> line -> times
for data in glob.glob(f"{build}/storage/**/*.gcda", recursive=True):
    said = subprocess.run(["gcov", "--json-format", "--stdout", data], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout
    for line in said.splitlines():
        for file in json.loads(line)["files"]:
            name = os.path.relpath(os.path.join(source, file["file"]), source)
            for at in file["lines"]:
                if name.startswith("storage/"):
                    counts[name][at["line_number"]] += at["count"]
if not counts:
    sys.exit("nothing was counted: run the tests first")
total = ran = 0
for name in sorted(counts):
    lines = counts[name]
    hit = sum(n > 0 for n in lines.values())
    total, ran = total + len(lines), ran + hit
    print(f"{100 * hit / len(lines):6.1f} %  {hit:5} of {len(lines):5}  {name}")
    if os.environ.get("MISSED"):
        text = open(name).read().splitlines()
        for at in sorted(lines):
            if lines[at] == 0:
                print(f"          {at:5}: {text[at - 1]}")
print(f"{100 * ran / total:6.1f} %  {ran:5} of {total:5}  storage/")
sys.exit(ran < 0.9 * total)
PY
