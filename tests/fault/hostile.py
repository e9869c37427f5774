"""Damaged files given to every call that reads: see test_hostile.sh."""
import ast
import collections
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import bounded
import faults
import h5py
import numpy
import victims

SEED = faults.setting("SLAB_SEED", int(time.time()))
SECONDS = faults.setting("SLAB_SECONDS", 20)
ONLY = os.environ.get("SLAB_FAULT_ONLY")
KEEP = os.environ.get("SLAB_KEEP")  # a folder for files that are not survived, and those that HDF5 does not survive
MEMORY = 64  # MiB, of calls that take a budget
BESIDE = 64  # for the program itself
LARGE = 1 << 22  # elements: what takes its time
HEAD = 10  # rows that head reads; HDF5 may crash on those behind them
HEADERS_ALONE = ("info", "ls", "attr", "sbatch")  # read no elements


# --- what HDF5 itself reads ---


def walk(file, path, rows):
    """What h5py finds at a path: shape, and the elements, those of the first rows or none, as a digestible text."""
    thing = file[path]
    if isinstance(thing, h5py.Group):
        return "group", sorted(thing), 0
    if rows != 0 and thing.size and thing.size > LARGE:
        return "large", thing.shape, thing.size
    if rows == 0:
        return "header", thing.shape, thing.id.get_type().get_size()
    try:
        value = thing[:rows] if rows and thing.shape else thing[()]
    except ValueError:  # numpy has no such number; HDF5 makes one that it has
        value = numpy.empty(thing.shape)
        thing.id.read(h5py.h5s.ALL, h5py.h5s.ALL, value, h5py.h5t.NATIVE_DOUBLE)
    if isinstance(value, numpy.ndarray) and value.dtype.hasobject:
        return "array", thing.shape, repr(value.tolist())
    return "array", thing.shape, repr(numpy.asarray(value).dtype) + repr(numpy.asarray(value).tobytes())


def read_by_hdf5(path, objects, rows=None):
    """Of each object what h5py says (of its elements: the first rows), in a process of its own: it may crash or
    hang. None: it does not read."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(10)
        faults.within_memory()
        found = {}
        try:
            os.chdir(os.path.dirname(path))
            with h5py.File(path, "r") as file:
                for name in objects:
                    try:
                        found[name] = walk(file, name, rows)
                    except BaseException:
                        found[name] = None
        except BaseException:
            pass
        os.write(writer, b"") if not found else send(writer, found)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    try:
        return ast.literal_eval(data.decode()) if data else {}
    except (SyntaxError, ValueError):
        return {}


def read_by_h5dump(path, objects):
    """h5py has no types for some of what HDF5 reads."""
    try:
        return subprocess.run(["h5dump", "-d", objects[0], path], timeout=10, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, preexec_fn=faults.within_memory).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def send(fd, found):
    data = repr(found).encode()
    while data:
        data = data[os.write(fd, data):]


# --- calls ---


class Call:
    def __init__(self, key, words, bench):
        self.key, self.verb, self.words = key, key.split("/")[0], [key.split("/")[0]] + words
        self.reads = next((m.group(0) for w in words if (m := re.search(r"\bin\.(h5|bed|npy|csv)", w))), None)
        self.paths = sorted(set(re.findall(r"in\.h5:(/\w+)", " ".join(words)))) or ["/"]
        self.rows = HEAD if self.verb == "head" else 0 if self.verb in HEADERS_ALONE else None
        if bench.has_option(self.verb, "--memory"):
            self.words += ["--memory", f"{MEMORY}M"]
        self.most = (MEMORY if "--memory" in self.words else 0) + BESIDE
        if bench.has_option(self.verb, "--force"):
            self.words += ["--force"]


def calls_of(bench):
    for key, _, _, _, words in bench.table:
        call = Call(key, words.split(), bench)
        if call.reads and (not ONLY or re.search(ONLY.split(":")[0], key)):
            yield call


# --- the trial ---


class Target:
    """A file to be damaged, and what the calls make of it as it is."""

    def __init__(self, bench, name, file, make):
        self.name, self.file, self.folder = name, file, f"{bench.folder}/target-{name}"
        os.mkdir(self.folder)
        make(self.folder)
        with open(f"{self.folder}/{file}", "rb") as f:
            self.data = f.read()
        self.dense = victims.metadata_offsets(self.data)
        self.usual = {}

    def set_up(self, trial, data):
        shutil.rmtree(trial, ignore_errors=True)
        shutil.copytree(self.folder, trial)
        if data is not None:
            with open(f"{trial}/{self.file}", "wb") as f:
                f.write(data)

    def usually(self, call, trial):
        """What the call gives on the undamaged file."""
        if call.key not in self.usual:
            self.set_up(trial, None)
            done = bounded.run(call.words, trial)
            objects = read_by_hdf5(f"{trial}/in.h5", call.paths, call.rows) if self.file == "in.h5" else {}
            if done.timed_out or done.returncode not in (0, 1, 2):
                raise faults.Failure(f"slab {' '.join(call.words)} on an undamaged {self.name}: {done}")
            self.usual[call.key] = done, objects
        return self.usual[call.key]


def check_said(done, usual, is_readable):
    """One line behind what is also noted of the undamaged file; it names the file if that cannot be read: what
    does not suit a call names an option or a value."""
    said = [line for line in done.stderr.splitlines()
            if line.startswith("slab: ") and not line.startswith("slab: warning: ")]
    noted = usual.stderr.splitlines()
    said = [line for line in said[:-1] if line not in noted] + said[-1:]
    if done.returncode == 2:
        if len(said) != 1:
            raise faults.Failure(f"not one line but {len(said)}: {done.stderr.strip()[:600]}")
        named = re.search(r"\b(in|out|x)\.(h5|npy|bed|bim|fam|csv)", said[0])
        if not named and done.stderr != usual.stderr and not is_readable():
            raise faults.Failure(f"its message names no file: {said[0]}")
    if "bug of slab" in done.stderr:
        raise faults.Failure(f"slab crashed: {done.stderr.strip()[:600]}")
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", done.stderr.encode() + done.stdout):
        raise faults.Failure(f"control characters: {done.stderr[:300]!r} {done.stdout[:300]!r}")


def verdict(target, call, done, trial):
    usual, before = target.usually(call, f"{trial}-usual")
    objects = None

    def now():
        nonlocal objects
        if objects is None:
            objects = read_by_hdf5(f"{trial}/in.h5", call.paths, call.rows) if target.file == "in.h5" else {}
        return objects

    def is_readable():
        return now() and all(now().values()) or read_by_h5dump(f"{trial}/in.h5", call.paths)

    def is_large():
        return any(o and o[0] == "large" for o in now().values())

    if done.timed_out:
        if target.file == "in.h5" and is_large():
            return "large"
        raise faults.Failure("hangs")
    if done.returncode == -signal.SIGXFSZ or len(done.stdout) >= bounded.OUTPUT:
        return "large"
    if done.peak > call.most:
        raise faults.Failure(f"takes {done.peak} MiB: {done.stderr.strip()[:300]}")
    if bounded.died_in_library(done):
        return "crash"
    if done.returncode not in ((0, 1, 2) if call.verb in ("diff", "verify") else (0, 2)):
        raise faults.Failure(f"exit code {done.returncode}: {done.stderr.strip()[:600]}")
    check_said(done, usual, is_readable)
    if done.returncode == 2:
        return "crash" if "crashed on it" in done.stderr else \
            "hang" if "has not come back" in done.stderr else \
            "memory" if "no room" in done.stderr else "refused"
    if done.returncode == 1 or target.file != "in.h5" or call.verb in ("jobs", "clean", "sbatch", "recover"):
        return "done"
    if done.stdout == usual.stdout and done.returncode == usual.returncode and usual.returncode == 0:
        return "the same"
    if not is_readable() and (now() == {} or call.verb in ("dump", "stat", "reduce", "export")):
        raise faults.Failure(f"HDF5 cannot read it, and slab says without a word: {done.stdout[:300]!r} "
                             f"{done.stderr[:300]!r}")
    if call.verb == "dump" and now() == before and usual.returncode == 0:
        raise faults.Failure(f"says other elements than before, HDF5 does not: {done.stdout[:300]!r}")
    return "as HDF5"


def attack(bench, target, call, trial, seen):
    data = bytearray(target.data)
    what = victims.damage(data, target.dense)
    target.set_up(trial, data)
    done = bounded.run(call.words, trial)
    text = f"slab {' '.join(call.words)}, {target.name}, {what}"
    try:
        outcome = verdict(target, call, done, trial)
    except faults.Failure as failure:
        if not KEEP:
            raise faults.Failure(f"{text}: {failure}") from None
        outcome = "FAILED"
        print(f"FAILS {text}: {failure}")
    seen[outcome] += 1
    if KEEP and outcome in ("FAILED", "crash", "hang"):
        with open(f"{KEEP}/{outcome}-{target.name}-{call.key.replace('/', '-')}-{seen[outcome]}.h5", "wb") as f:
            f.write(data)


def targets_of(bench):
    def inputs(folder):
        for name in os.listdir(f"{bench.folder}/a"):
            shutil.copy(f"{bench.folder}/a/{name}", folder)

    def victim(name):
        def make(folder):
            inputs(folder)
            subprocess.run([sys.executable, "-c", f"import victims; victims.make({name!r}, {folder + '/in.h5'!r})"],
                           cwd=os.path.dirname(os.path.abspath(__file__)), check=True)
        return make

    yield Target(bench, "slab", "in.h5", inputs)
    for name in victims.KINDS:
        yield Target(bench, name, "in.h5", victim(name))
    for file in ("in.bed", "in.bim", "in.fam", "in.npy", "in.csv"):
        yield Target(bench, file, file, inputs)


def main():
    random.seed(SEED)
    print(f"SLAB_SEED={SEED}")
    bench = faults.Bench("20x12", "8x5")
    seen = collections.Counter()
    try:
        calls = list(calls_of(bench))
        targets = [t for t in targets_of(bench) if not ONLY or ":" not in ONLY or re.search(ONLY.split(":")[1], t.name)]
        clock = faults.Clock(SECONDS)
        while not clock.over():
            target = random.choice(targets)
            stem = "in.bed" if target.file in ("in.bim", "in.fam") else target.file
            call = random.choice([c for c in calls if c.reads == stem])
            attack(bench, target, call, f"{bench.folder}/trial", seen)
    except faults.Failure as failure:
        print(f"FAILS {failure}")
        sys.exit(1)
    bench.close()
    for outcome, n in sorted(seen.items()):
        print(f"ok    {outcome}: {n}")
    print(f"{sum(seen.values())} damaged files")
    sys.exit(1 if seen["FAILED"] else 0)


main()
