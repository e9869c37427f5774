#!/usr/bin/env python3
"""Measures what it costs to survive: resuming, being safe, dying, waiting.

    tests/bench/survival.py [--build DIR] [--scratch DIR] [--repeats 5] [--small] [row ...]

Rows, all without names:

  resume   a run is killed (SIGKILL of all) at fraction f of its time, and the same command goes on: the
           time of the second over (1 - f) of a run that is let alone. `random` writes 4 GiB, chunk by
           chunk; `calc` writes what it makes of them; `pca` is a fit, which keeps its iterations.
  cost     a committed run over one with all that off: --no-sync leaves the fsyncs out, and what the
           journal takes is measured with it, because a new file has none. Checksums cannot be switched
           off: bench_checksum says how fast a thread makes them, and the time of this run's bytes at that
           rate is taken off.
  death    seconds until a job has ended after one of its ranks was killed, by phase (tests/fault/death.py)
  journal  how long readers of a file have to wait for a commit into it: as long as its journal is there

Nothing else should run. Data (up to 13 GB) are made in the scratch folder; remove it afterwards.
"""
import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time

from measuring import Table, number, setting

here = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
setting(parser)
args = parser.parse_args()
table = Table(args)
slab, run, seconds, report = table.slab, table.run, table.seconds, table.report
side = 32768 // (2 if args.small else 1)
people, variants = (20000, 100000) if not args.small else (5000, 20000)
gib = side * side * 4 / 2**30
RANDOM = [slab, "random", "normal", "--shape", f"{side}x{side}", "--dtype", "f4", "--seed", "1", "-q", "-o"]


def remove(*names):
    for name in names:
        if os.path.exists(name):
            os.unlink(name)


def matrix():
    if not os.path.exists("normal.h5"):
        run(RANDOM + ["normal.h5:/x"])
    return "normal.h5:/x"


def genotypes():
    if not os.path.exists("sim.h5"):
        run([slab, "random", "genotypes", "--shape", f"{people}x{variants}", "--populations", "5", "--seed", "1", "-q",
             "-o", "sim.h5:/genotypes"])
    return "sim.h5:/genotypes"


# --- resume ---


def whole(words, output):
    """Seconds of a run that is let alone, from a clean place."""
    remove(output)
    return seconds(words)


def killed(words, after):
    """A run is killed after so many seconds; how long it ran, None: it was over by then."""
    begin = time.perf_counter()
    child = subprocess.Popen(words, env=table.env, start_new_session=True, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        child.wait(after)
        return None
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
    ran = time.perf_counter() - begin
    child.wait()
    return ran


def killed_and_resumed(words, output, after):
    """How long the killed run took, and the seconds of the same command then."""
    for _ in range(10):  # some runs are faster than the median
        remove(output)
        ran = killed(words, after)
        if ran is None:
            continue
        if os.path.exists(output):
            sys.exit(f"{' '.join(words)}: half of it has a final name")
        return ran, seconds(words)
    sys.exit(f"{' '.join(words)}: always over within {after:.1f} s, though it took longer: is the machine quiet?")


def read_rate(name):
    """Bytes a second that the disk gives back, past the page cache."""
    took = seconds(["dd", f"if={name}", "of=/dev/null", "bs=4M", "iflag=direct", "status=none"])
    return os.path.getsize(name) / took


def row_resume():
    calls = {
        f"random, {gib:g} GiB f32": (RANDOM + ["r.h5:/x"], "r.h5"),
        f"calc, {gib:g} GiB f32": ([slab, "calc", "exp(-x * x / 2)", f"x={matrix()}", "-q", "-o", "c.h5:/y"], "c.h5"),
        f"copy --filter zstd:5, {gib / 4:g} GiB f32": (
            [slab, "copy", matrix() + f"[:{side // 4}]", "--filter", "zstd:5", "-q", "-o", "d.h5:/x"], "d.h5"),
        f"pca -k 20 of {people} x {variants} genotypes": (
            [slab, "pca", genotypes(), "-k", "20", "--memory", "512M", "-q", "-o", "p.h5"], "p.h5")}
    for name, (words, output) in calls.items():
        run(words)  # warms up
        back = os.path.getsize(output) / read_rate(output)
        alone = statistics.median(whole(words, output) for _ in range(table.repeats))
        for f in (0.25, 0.5, 0.9):
            trials = [killed_and_resumed(words, output, f * alone) for _ in range(table.repeats)]
            # each with the fraction at which it was really killed
            worth = [(alone - ran, took) for ran, took in trials if ran < alone]
            ratio = statistics.median(took / left for left, took in worth)
            beyond = statistics.median(took - 1.15 * left for left, took in worth)
            took = statistics.median(took for _, took in worth)
            report(f"resume: {name}, killed at {f:g}", f"{ratio:.2f} (1.15 and {beyond:+.2f} s)", "1.15 + 1 s", 1.05,
                   f"{took:.2f} s to go on; {alone:.2f} s in one run; dd reads back what is kept in {f * back:.2f} s")
        remove(output)


# --- cost ---


def file_bytes(name):
    return os.path.getsize(name)


def row_cost():
    rates = run([os.path.join(table.bench, "bench_checksum")])
    content, packed = number(rates, "content") * 1e9, number(rates, "packed") * 1e9
    threads = len(os.sched_getaffinity(0))
    plain = side * side * 4

    def fresh(options, output="s.h5", path="/x", before=None):
        def one():
            remove(output)
            if before is not None:
                before(output)
            os.sync()  # what others left to be written is not this run's
            return seconds(RANDOM + [f"{output}:{path}"] + options)
        return one

    def existing(output):
        run([slab, "random", "normal", "--shape", "1000x1000", "-q", "-o", f"{output}:/old"])
    for name, before in (("a new file", None), ("into an existing file", existing)):
        safe, unsafe = table.medians(fresh([], before=before), fresh(["--no-sync"], before=before))
        sums = (plain / content + file_bytes("s.h5") / packed) / threads
        report(f"cost: random, {gib:g} GiB f32, {name}: committed over without fsync and checksums",
               f"{safe / (unsafe - sums):.3f}", 1.10, 1.03,
               f"{safe:.2f} s; {unsafe:.2f} s with --no-sync, of which checksums {sums:.2f} s")
    synced = table.medians(lambda: written("s.h5"))[0]
    report("cost: the same bytes by dd, fsync included, without anything else", f"{synced:.2f} s", "", "",
           f"{file_bytes('s.h5') / synced / 1e9:.2f} GB/s: no run can be faster that leaves them on the disk")
    remove("s.h5", "dd.out")


def written(like):
    """Seconds in which the disk takes as many bytes."""
    remove("dd.out")
    os.sync()
    return seconds(["dd", f"if={like}", "of=dd.out", "bs=4M", "oflag=direct", "iflag=fullblock", "conv=fsync",
                    "status=none"])


# --- death ---


def row_death():
    env = dict(table.env, SLAB=slab, SLAB_SOURCE=os.path.join(here, "..", ".."),
               SLAB_FAULT_SHIM=os.path.join(table.bench, "libfault_shim.so"), SLAB_SECONDS="0",
               SLAB_DEATHS=str(25 if args.small else 250), OMPI_MCA_mpi_yield_when_idle="1")
    done = subprocess.run(["/usr/bin/python3", os.path.join(here, "..", "fault", "death.py")], env=env,
                          stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.stdout)
    found = re.findall(r"^(.+): (\d+) deaths; the job ended after ([\d.]+) s in the mean, ([\d.]+) s at most$",
                       done.stdout, re.MULTILINE)
    for phase, n, mean, most in found:
        report(f"death of a rank in phase {phase}: seconds until the job has ended, at most", most, 10, 3,
               f"{n} deaths, {mean} s in the mean")


# --- journal ---


class Watch(threading.Thread):
    """Looks every fraction of a millisecond whether a journal is there; the longest time that one was."""

    def __init__(self, journal):
        super().__init__()
        self.journal, self.longest, self.seen, self.over = journal, 0.0, 0, False

    def run(self):
        begin = None
        while not self.over:
            there, now = os.path.lexists(self.journal), time.perf_counter()
            if there and begin is None:
                begin, self.seen = now, self.seen + 1
            elif not there and begin is not None:
                self.longest, begin = max(self.longest, now - begin), None
            time.sleep(5e-5)


def row_journal():
    for chunks in (1, 10000, 100000 if not args.small else 20000):
        edge = int(chunks ** 0.5)
        words = [slab, "random", "integers", "--low", "0", "--high", "9", "--shape", f"{edge * 8}x{edge * 8}", "--chunks",
                 "8x8", "--force", "-q", "-o", "j.h5:/x"]
        waits = []
        for _ in range(max(9, table.repeats)):
            remove("j.h5")
            run([slab, "random", "normal", "--shape", "100x100", "-q", "-o", "j.h5:/old"])
            watch = Watch("j.h5.slab-journal")
            watch.start()
            run(words)
            watch.over = True
            watch.join()
            if watch.seen:
                waits.append(watch.longest)
        if not waits:
            sys.exit("no journal was seen")
        report(f"journal: a commit of {edge * edge} chunks into a file: readers wait, median",
               f"{1000 * statistics.median(waits):.1f} ms", "", "",
               f"{1000 * max(waits):.1f} ms at most, {len(waits)} commits")
    remove("j.h5")


rows = {"resume": row_resume, "cost": row_cost, "death": row_death, "journal": row_journal}
for row in args.rows or list(rows):
    rows[row]()
