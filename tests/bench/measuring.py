"""What the programs share that measure tables: commands, medians of both sides in turn, reports."""
import os
import re
import statistics
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))


def setting(parser):
    """Adds what every table takes; call begin() with what was parsed."""
    parser.add_argument("--build", default=os.path.join(here, "..", "..", "build"))
    parser.add_argument("--scratch", default="/var/tmp/slab-bench")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--small", action="store_true",
                        help="an eighth of the size: to try it out")
    parser.add_argument("rows", nargs="*")


class Table:
    """Commands that are run and rows that are reported, in the scratch folder."""

    def __init__(self, args):
        build = os.path.abspath(args.build)
        self.slab = os.path.join(build, "tools", "slab")
        self.bench = os.path.join(build, "tests")
        self.repeats = args.repeats
        self.env = dict(os.environ, HDF5_PLUGIN_PATH=os.path.join(build, "plugin"),
                        OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                        OMPI_MCA_rmaps_base_oversubscribe="1")
        os.makedirs(args.scratch, exist_ok=True)
        os.chdir(args.scratch)
        print("| what | measured | at least | aim | both sides |\n|---|---|---|---|---|")

    def run(self, words, **more):
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, **more)
        if done.returncode:
            sys.exit(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def seconds(self, words):
        begin = time.perf_counter()
        self.run(words)
        return time.perf_counter() - begin

    def medians(self, *sides):
        """Runs the sides in turn, after a warming run of each; the median seconds of each. A side
        is a command (timed whole) or a function that returns a number."""
        for s in sides:
            s() if callable(s) else self.run(s)
        taken = [[] for _ in sides]
        for _ in range(self.repeats):
            for s, t in zip(sides, taken):
                t.append(s() if callable(s) else self.seconds(s))
        return [statistics.median(t) for t in taken]

    def report(self, what, value, floor, aim, sides):
        print(f"| {what} | {value} | {floor} | {aim} | {sides} |", flush=True)

    def peak(self, words):
        """Peak resident set of a command in MiB, as the kernel counts it; its words when it is
        refused."""
        code = ("import resource,subprocess,sys; r=subprocess.run(sys.argv[1:],"
                "capture_output=True,text=True); "
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if "
                "r.returncode==0 else r.stderr.strip())")
        said = self.run([sys.executable, "-c", code] + words).strip()
        return int(said) / 1024 if said.isdigit() else said


def number(text, label):
    """The number behind a label in a benchmark's output."""
    found = re.search(re.escape(label) + r"[^0-9]*([0-9.]+)", text)
    if not found:
        sys.exit(f"no '{label}' in:\n{text}")
    return float(found.group(1))
