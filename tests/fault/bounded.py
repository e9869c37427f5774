"""A program that is run within limits: its time, its memory, what it prints."""
import collections
import json
import os
import re
import subprocess
import sys

import faults

OUTPUT = 8 << 20  # of stdout that is looked at

Done = collections.namedtuple("Done", "returncode stdout stderr peak timed_out")

os.environ["SLAB_HDF5_SECONDS"] = "2"

with open(faults.SLAB, "rb") as program:
    SANITIZED = b"san_init" in program.read()

starter = None


def run(words, cwd, timeout=30):
    """By a process that stays small: Linux counts in a child's peak what its parent had at the fork."""
    global starter
    if starter is None:
        here = os.path.dirname(os.path.abspath(__file__))
        starter = subprocess.Popen([sys.executable, "-I", "-S", f"{here}/starter.py", str(OUTPUT)], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print(json.dumps([[faults.SLAB] + words, cwd, timeout]), file=starter.stdin, flush=True)
    returncode, peak, timed_out = json.loads(starter.stdout.readline())
    with open(f"{cwd}/stdout", "rb") as out, open(f"{cwd}/stderr", "rb") as err:
        return Done(returncode, out.read(), err.read().decode(errors="backslashreplace"),
                    0 if SANITIZED else peak, timed_out)  # sanitizers take memory of their own


def died_in_library(done):
    """A sanitizer ends the program before slab can: what HDF5 does not survive is told by where it was."""
    return re.search(r"^ *#0 .*libhdf5", done.stderr, re.MULTILINE) is not None
