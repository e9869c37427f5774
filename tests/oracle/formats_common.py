"""Running slab, and checks that say what failed; shared by the checks of the formats."""
import json
import os
import subprocess
import sys

SLAB = os.environ["SLAB"]
failures = 0
checks = 0


def slab(*arguments, ranks=1, expect=0):
    """Runs slab; returns what it said on stderr."""
    command = [SLAB, *map(str, arguments)]
    if ranks > 1:
        command = ["mpirun", "--oversubscribe", "-n", str(ranks), *command]
    run = subprocess.run(command, capture_output=True)
    text = run.stderr.decode(errors="replace")
    check(run.returncode == expect,
          f"{' '.join(command)}: exit code {run.returncode}, not {expect}: {text}")
    return text


def built_on():
    """What slab was built on: {"hdf5": "1.10.8", ...}."""
    return json.loads(subprocess.run([SLAB, "version", "--json"], capture_output=True).stdout)


def check(condition, what):
    global failures, checks
    checks += 1
    if not condition:
        failures += 1
        print("FAILS", what)


def refused(pattern, *arguments, ranks=1):
    """slab must end with exit code 2 and one line that has the pattern in it."""
    text = slab(*arguments, ranks=ranks, expect=2)
    lines = [line for line in text.splitlines() if line.startswith("slab: ")]
    check(len(lines) == 1 and pattern in lines[0],
          f"slab {' '.join(map(str, arguments))}: '{pattern}' is not what it says: {text[:500]}")


def finish(what):
    print(f"{what}: {checks - failures} of {checks} checks hold")
    sys.exit(1 if failures else 0)


def same_file(a, b):
    with open(a, "rb") as f, open(b, "rb") as g:
        return f.read() == g.read()
