"""A program that is run within limits: its time, its memory, what it prints."""
import collections
import os
import re
import resource
import signal
import subprocess

import faults

OUTPUT = 8 << 20  # of stdout that is looked at

Done = collections.namedtuple("Done", "returncode stdout stderr peak timed_out")

os.environ["SLAB_HDF5_SECONDS"] = "2"

with open(faults.SLAB, "rb") as program:
    SANITIZED = b"san_init" in program.read()


def limits():
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def run(words, cwd, timeout=30):
    with open(f"{cwd}/stdout", "wb+") as out, open(f"{cwd}/stderr", "wb+") as err:
        child = subprocess.Popen([faults.SLAB] + words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                 preexec_fn=limits)
        timed_out = False
        signal.alarm(timeout)
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except TimeoutError:
            timed_out = True
            child.kill()
            _, status, usage = os.wait4(child.pid, 0)
        signal.alarm(0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        peak = 0 if SANITIZED else usage.ru_maxrss // 1024  # sanitizers take memory of their own
        return Done(child.returncode, out.read(), err.read().decode(errors="backslashreplace"), peak, timed_out)


def died_in_library(done):
    """A sanitizer ends the program before slab can: what HDF5 does not survive is told by where it was."""
    return re.search(r"^ *#0 .*libhdf5", done.stderr, re.MULTILINE) is not None


def on_alarm(*_):
    raise TimeoutError


signal.signal(signal.SIGALRM, on_alarm)
