"""Starts programs for bounded.py, and says how they ended: one line of JSON in, one out.

    [words, folder, seconds] -> [exit code or minus the signal, peak in MiB, did it run out of time?]

It imports as little as there is: what it takes itself is counted in the peak of what it starts.
"""
import json
import os
import resource
import signal
import sys

output = int(sys.argv[1])


def become(words, folder):
    """In the child. Its output goes to files, and has an end."""
    os.chdir(folder)
    for fd, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666), fd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGXFSZ, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.execv(words[0], words)


def on_alarm(*_):
    raise TimeoutError


signal.signal(signal.SIGALRM, on_alarm)
for line in sys.stdin:
    words, folder, seconds = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            become(words, folder)
        finally:
            os._exit(127)
    timed_out = False
    signal.alarm(seconds)
    try:
        _, status, usage = os.wait4(child, 0)
    except TimeoutError:
        timed_out = True
        os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
    signal.alarm(0)
    print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss // 1024, timed_out]), flush=True)
