"""What the tests of tests/fault share: the calls of tests/cli/calls.sh as cases, and what a folder holds.

A case is a call that writes, and what it finds where it writes:

    new     nothing is there
    beside  its HDF5 file exists and holds /old
    force   its output exists, made by the same call from other inputs; --force replaces it
    change  the call changes a file where it lies
"""
import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import h5py
import numpy

SLAB = os.environ["SLAB"]
SOURCE = os.environ["SLAB_SOURCE"]
SHIM = os.environ.get("SLAB_FAULT_SHIM", "")
JOURNAL = ".slab-journal"
TIMEOUT = 60  # seconds: what takes longer hangs
scratch = None  # folder for scratch files of runs on one rank; MPI has its own there on several

os.environ.update(SOURCE_DATE_EPOCH="0", LC_ALL="C", TZ="UTC", OMP_WAIT_POLICY="passive")
sys.stdout.reconfigure(line_buffering=True)


class Failure(Exception):
    """A promise that was not kept."""


def setting(name, default):
    return int(os.environ.get(name, default))


def bash(script, cwd):
    script = f'. "{SOURCE}/tests/cli/calls.sh"; {script}'
    return subprocess.run(["bash", "-c", script], cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def command(words, ranks=1, shim=None):
    """What starts slab; with a dict (even an empty one) for the shim it is preloaded in every rank."""
    start = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
    return start + (["env", f"LD_PRELOAD={SHIM}"] if shim is not None else []) + [SLAB] + words


def run(words, cwd, ranks=1, shim=None, timeout=TIMEOUT):
    """Runs slab; a hang is a failure. The result has returncode, stdout, stderr."""
    env = {**os.environ, **(shim or {}), **({"TMPDIR": scratch} if scratch and ranks == 1 else {})}
    try:
        return subprocess.run(command(words, ranks, shim), cwd=cwd, env=env,
                              timeout=timeout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        raise Failure(f"slab {' '.join(words)} hangs") from None


def succeeds(words, cwd, **more):
    done = run(words, cwd, **more)
    if done.returncode != 0:
        raise Failure(f"slab {' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done


# --- what a folder holds ---


def value_bytes(value):
    array = numpy.asarray(value)
    if array.dtype.hasobject:
        return repr(array.tolist()).encode()
    return str(array.dtype).encode() + str(array.shape).encode() + array.tobytes()


def add_object(digest, path, thing):
    digest.update(path.encode() + b"\0" + type(thing).__name__.encode())
    for name in sorted(thing.attrs):
        if name == "slab_seal":  # holds the digests of all else: is_sealed() compares them
            continue
        value = thing.attrs[name]
        if name == "slab_command":  # the same call, whether it had to replace, or was to be quiet, or not
            value = re.sub(r" (--force|-q)\b", "", value.decode() if isinstance(value, bytes) else str(value))
        digest.update(name.encode() + b"=" + value_bytes(value))
    if isinstance(thing, h5py.Dataset):
        digest.update(f"{thing.chunks} {thing.maxshape} {thing.compression}".encode() + value_bytes(thing[()]))
        return
    for name in sorted(thing):
        add_object(digest, f"{path}/{name}", thing[name])


def is_sealed(path, data):
    """Fails unless all of a file is as slab sealed it; looks at a copy, not to disturb what lies beside it."""
    with tempfile.NamedTemporaryFile(suffix=".h5", dir=scratch) as copy:
        copy.write(data)
        copy.flush()
        done = subprocess.run([SLAB, "verify", copy.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failure(f"verify of {os.path.basename(path)}: {done.stdout.strip()[:300]}")


known = {}  # digest of a file's bytes -> of its contents


def contents_of(path):
    """A digest of what a reader sees; of an HDF5 file every object, attribute and element."""
    with open(path, "rb") as file:
        data = file.read()
    raw = hashlib.blake2b(data, digest_size=16).hexdigest()
    if not path.endswith(".h5"):
        return raw
    if raw not in known:
        digest = hashlib.blake2b(digest_size=16)
        try:
            with h5py.File(path, "r") as file:
                add_object(digest, "", file)
        except Exception as error:  # h5py raises whatever it likes
            raise Failure(f"h5py cannot read {os.path.basename(path)}: {error}") from None
        if not os.path.exists(path + JOURNAL):
            is_sealed(path, data)
        if len(known) > 100000:
            known.clear()
        known[raw] = digest.hexdigest()
    return known[raw]


def is_final(name):
    return not name.startswith(".") and not name.endswith(JOURNAL)


def contents(folder):
    """Of every file under a final name."""
    return {name: contents_of(f"{folder}/{name}") for name in sorted(os.listdir(folder)) if is_final(name)}


def hot_journal(folder):
    return any(name.endswith(JOURNAL) for name in os.listdir(folder))


def within_memory():
    """For other programs on HDF5, before they start: they take all memory there is, if a file says so."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


def h5dump_reads(folder):
    for name in filter(is_final, os.listdir(folder)):
        if name.endswith(".h5"):
            done = subprocess.run(["h5dump", "-H", name], cwd=folder, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                raise Failure(f"h5dump cannot read {name}: {done.stderr.strip()[:300]}")


# --- cases ---


class Case:
    def __init__(self, bench, key, changes, ranks, words, mode):
        self.bench, self.key, self.mode = bench, key, mode
        self.verb, self.many = key.split("/")[0], ranks == "ranks"
        self.name = f"{key} {mode}"
        self.before, self.trial = f"{bench.folder}/{key.replace('/', '-')}-{mode}", bench.trial
        self.main = changes or next(w for w in words if w.startswith("out.")).split(":")[0]
        self.words = [self.verb] + (words if changes else bench.from_inputs(words, "a"))
        self.expected = None  # contents after an undisturbed run
        os.makedirs(self.before)
        self.prepare(words)
        if mode == "force":
            self.words.append("--force")
        self.old = contents(self.before)

    def prepare(self, words):
        if self.mode == "change":
            shutil.copy(f"{self.bench.folder}/a/{self.main}", self.before)
        elif self.mode != "new" and self.main.endswith(".h5"):
            shutil.copy(f"{self.bench.folder}/old.h5", f"{self.before}/{self.main}")
        if self.mode == "force":
            other = [self.verb] + self.bench.from_inputs(words, "b")
            succeeds(other + (["--seed", "9"] if self.bench.has_option(self.verb, "--seed") else []), self.before)

    def set_up(self):
        """A fresh trial folder in the state before the call."""
        shutil.rmtree(self.trial, ignore_errors=True)
        shutil.copytree(self.before, self.trial)

    def new(self):
        """Contents after an undisturbed run on one rank."""
        if self.expected is None:
            self.set_up()
            succeeds(self.words + ["-q"], self.trial)
            self.expected = contents(self.trial)
            if self.expected == self.old:
                raise Failure(f"{self.name} changes nothing: no case to test")
        return self.expected

    def state(self):
        """old or new; of an output of several files also between, as long as its main one is not there."""
        now, new = contents(self.trial), self.new()
        for name in sorted({*now, *new, *self.old}):
            if len(new) > 1 and name == self.main and name not in now:
                continue
            if now.get(name) not in (self.old.get(name), new.get(name)):
                raise Failure(f"{name} is neither what it was nor what it was to be" if name in now
                              else f"{name} is gone")
        if now == new:
            return "new"
        if now != self.old and self.main in now:
            raise Failure(f"old and new side by side: {sorted(now)}")
        return "old" if now == self.old else "between"

    def again(self, state):
        """The next run of the same command succeeds and leaves nothing but what it should; returns its stderr."""
        words = list(self.words)
        if state != "old" and "--force" not in words and self.bench.has_option(self.verb, "--force"):
            words.append("--force")
        if state == "new" and self.verb == "rm":
            words = ["recover", self.main]
        done = succeeds(words, self.trial)
        if self.state() != "new":
            raise Failure("the same command afterwards changes nothing")
        self.only_final()
        return done.stderr

    def only_final(self):
        left = set(os.listdir(self.trial)) - set(self.new())
        if left:
            raise Failure(f"something is left: {sorted(left)}")


class Bench:
    """A folder with inputs a and b, and the folder `trial` in which the cases run."""

    def __init__(self, shape, chunks, where=None):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="slab-fault-", dir=where))
        self.trial = f"{self.folder}/trial"
        self.options = {}
        self.scratch = f"{self.folder}/scratch"
        os.mkdir(self.scratch)
        rows, columns = shape.split("x")
        for seed, name in enumerate("ab", 1):
            os.mkdir(f"{self.folder}/{name}")
            bash(f"call_inputs {rows} {columns} {chunks} {seed}", f"{self.folder}/{name}")
        succeeds(["random", "integers", "--shape", "30x70", "--low", "0", "--high", "99", "-q", "-o", "old.h5:/old"],
                 self.folder)
        self.table = [line.split("\t") for line in bash(f"call_table out {shape} {chunks}", "/").splitlines()]

    def from_inputs(self, words, folder):
        return [re.sub(r"(^|=)(in|x)\.", rf"\1../{folder}/\2.", word) for word in words]

    def has_option(self, verb, option):
        if verb not in self.options:
            self.options[verb] = succeeds(["help", verb], self.folder).stdout
        return re.search(rf"{option}\b", self.options[verb]) is not None

    def cases(self, only=None, table=None):
        for key, does, changes, ranks, words in table or self.table:
            words = words.split()
            if does == "reads":
                continue
            modes = ["change"] if changes else ["new", "force"]
            if any(w.startswith("out.h5") for w in words):
                modes.insert(1, "beside")
            for mode in modes:
                if mode != "new":  # a whole file that exists is no output: a group in it is
                    words = [w.replace("out.h5", "out.h5:/result") if w == "out.h5" else w for w in words]
                if only is None or re.search(only, f"{key} {mode}"):
                    yield Case(self, key, changes, ranks, words, mode)

    def readers(self, only=None):
        """(key, words) of the calls that write nothing, to be run in the bench's folder."""
        for key, does, _, _, words in self.table:
            if does == "reads" and (only is None or re.search(only, key)):
                yield key, [key.split("/")[0]] + [w.replace("../", "") for w in self.from_inputs(words.split(), "a")]

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Clock:
    """How long a sample may still run; 0 seconds: as long as it takes."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds if seconds > 0 else None

    def over(self):
        return self.end is not None and time.monotonic() > self.end
