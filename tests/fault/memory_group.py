"""Memory control groups that kill: see test_memory_group.sh."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import faults
from faults import Failure

MIB = 1 << 20
BESIDE = 96  # MiB that a rank may take beside --memory
MEMORY = faults.setting("SLAB_MEMORY", 32)  # MiB
TIMES = faults.setting("SLAB_TIMES", 1)  # decoded inputs over the limit
ONLY = os.environ.get("SLAB_FAULT_ONLY", "")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


# --- groups ---


class Group:
    """A memory control group below this process's own."""

    def __init__(self, folder, version):
        self.folder, self.version = folder, version
        os.mkdir(folder)

    def put(self, name, value):
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(str(value))

    def get(self, name):
        with open(f"{self.folder}/{name}") as file:
            return file.read()

    def limit(self, size):
        if self.version == 1:
            self.put("memory.limit_in_bytes", size)
            if os.path.exists(f"{self.folder}/memory.swappiness"):
                self.put("memory.swappiness", 0)
        else:
            self.put("memory.max", size)
            if os.path.exists(f"{self.folder}/memory.swap.max"):
                self.put("memory.swap.max", 0)

    def enter(self):
        """To be called in the child before it becomes the program."""
        self.put("cgroup.procs", 0)

    def kills(self):
        events = self.get("memory.oom_control" if self.version == 1 else "memory.events")
        return int(re.search(r"oom_kill (\d+)", events).group(1))

    def pressed(self):
        """How often the limit was met, and something was given back."""
        if self.version == 1:
            return int(self.get("memory.failcnt"))
        return int(re.search(r"^max (\d+)", self.get("memory.events"), re.MULTILINE).group(1))

    def remove(self):
        for _ in range(100):
            for pid in self.get("cgroup.procs").split():
                os.kill(int(pid), signal.SIGKILL)
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                time.sleep(0.05)


def hierarchies():
    """(version, mount point, this process's group in it) of what has the memory controller."""
    groups = [line.strip().split(":", 2) for line in open("/proc/self/cgroup")]
    for line in open("/proc/self/mountinfo"):
        left, _, right = line.partition(" - ")
        above, mount = left.split()[3:5]
        kind, _, options = right.split()[:3]
        for _, controllers, path in groups:
            own = mount + os.path.normpath("/" + os.path.relpath(path, above)).rstrip("/")
            if kind == "cgroup" and "memory" in options.split(",") and "memory" in controllers.split(","):
                yield 1, mount, own
            elif kind == "cgroup2" and controllers == "":
                yield 2, mount, own


class Place:
    """Somewhere a memory group can be made: what is mounted, or version 1 mounted for as long as this runs."""

    def __init__(self):
        self.mounted = None
        self.group = self.find()
        if self.group is None and os.geteuid() == 0:
            self.mounted = tempfile.mkdtemp(prefix="slab-groups-")
            done = subprocess.run(["mount", "-t", "cgroup", "-o", "memory", "none", self.mounted],
                                  stderr=subprocess.PIPE, text=True)
            if done.returncode == 0:
                self.group = self.find()
            else:
                self.said = done.stderr.strip()
        if self.group is None:
            self.close()
            skip(f"no memory control group can be made here ({getattr(self, 'said', 'not root, or no controller')})")

    def find(self):
        for version, mount, own in hierarchies():
            for folder in (own, mount):
                try:
                    if version == 2 and "memory" not in open(f"{folder}/cgroup.subtree_control").read().split():
                        continue
                    return Group(f"{folder}/slab-test-{os.getpid()}", version)
                except OSError as error:
                    self.said = error
        return None

    def close(self):
        if self.group is not None:
            self.group.remove()
        if self.mounted is not None:
            subprocess.run(["umount", self.mounted], check=False)
            os.rmdir(self.mounted)


# --- inputs ---


ROWS = 20000


def make_inputs(folder, limit, wanted):
    """What call_inputs() makes of the files that are wanted, /g and /x of such sizes that they decode to
    TIMES the limit; small on the disk."""
    g, x = TIMES * limit // ROWS, TIMES * limit // ROWS // 8
    run = lambda *words: faults.succeeds(list(words), folder, timeout=900)
    run("random", "integers", "--shape", f"{ROWS}", "--low", "0", "--high", "9", "-q", "-o", "in.h5:/spare")
    if wanted & {"in.h5", "in.bed"}:
        run("random", "genotypes", "--shape", f"{ROWS}x{g}", "--populations", "3", "--missing-rate", "0.05", "--chunks",
            "1000x1000", "--seed", "1", "-q", "-o", "in.h5:/g")
    if wanted & {"x.h5", "in.npy"}:
        run("calc", f"(arange({ROWS}.0)[:, None] * 7 + arange({x}.0)) % 1024 / 8", "--chunks", "500x250", "-q", "-o",
            "x.h5:/x")
    if "in.bed" in wanted:
        run("export", "in.h5:/g", "-o", "in.bed", "-q")
    if "in.npy" in wanted:
        run("export", "x.h5:/x", "-o", "in.npy", "-q")
    if "in.csv" in wanted:
        block = "".join(f"{i % 9},{i},{i / 7}\n" for i in range(20000)).encode()
        with open(f"{folder}/in.csv", "wb") as file:  # three columns of 8 bytes
            for _ in range(max(1, TIMES * limit // (3 * 8 * 20000))):
                file.write(block)


# --- calls ---


def launch(words, cwd, ranks, group, out):
    """Runs slab in the group; (exit code, stderr)."""
    child = subprocess.Popen(faults.command(words, ranks), cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                             stderr=subprocess.PIPE, text=True, preexec_fn=group.enter if group else None)
    try:
        _, said = child.communicate(timeout=1800)
    except subprocess.TimeoutExpired:
        child.kill()
        raise Failure(f"slab {' '.join(words)} hangs") from None
    return child.returncode, said.strip()


def tidy(folder, kept):
    for name in os.listdir(folder):
        if name not in kept:
            os.unlink(f"{folder}/{name}")


def same(folder, words, name, printed):
    """Is the result the same as that of a run without a limit, which lies below free/?"""
    for out in sorted(n for n in os.listdir(f"{folder}/free") if n.startswith("out.")):
        compare = (faults.command(["diff", out, f"free/{out}", "-q"]) if out.endswith(".h5")
                   else ["cmp", out, f"free/{out}"])
        done = subprocess.run(compare, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Failure(f"{name}: another result than without a limit: {done.stdout.strip()[:300]}")
    if printed[0] != printed[1]:
        raise Failure(f"{name}: prints something else than without a limit")


class Digest:
    """What a program prints, as a checksum; it is made outside of the group."""

    def __init__(self):
        self.program = subprocess.Popen(["sha1sum"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self):
        return self.program.communicate()[0]


def free_run(folder, words):
    """Without a limit, its files moved below free/; what it printed, and the names of files it made."""
    before, digest = set(os.listdir(folder)), Digest()
    code, said = launch(words, folder, 1, None, digest.program.stdin)
    if code != 0:
        raise Failure(f"slab {' '.join(words)} without a limit: exit code {code}: {said}")
    made = set(os.listdir(folder)) - before
    for name in made:
        os.rename(f"{folder}/{name}", f"{folder}/free/{name}")
    return digest.end()


def forget(folder):
    """Files leave the page cache, where they were put on nobody's account but this one's: who reads them next
    is charged for them."""
    os.sync()
    for name in os.listdir(folder):
        if os.path.isfile(f"{folder}/{name}"):
            with open(f"{folder}/{name}", "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def limited_run(folder, words, ranks, group, memory, name):
    """In the group; the budget that was needed: where slab refuses the one it is given, it names one."""
    takes = memory is not None
    for _ in range(2):
        budget = memory if takes else MEMORY
        forget(folder)
        group.limit(ranks * (budget + BESIDE) * MIB)
        kills, digest = group.kills(), Digest()
        code, said = launch(words + (["--memory", f"{budget}M"] if takes else []), folder, ranks, group,
                            digest.program.stdin)
        printed = digest.end()
        if group.kills() > kills or code == -signal.SIGKILL:
            raise Failure(f"{name}: killed within {budget} + {BESIDE} MiB a rank")
        enough = re.search(r"--memory (\d+)M", said)
        if code == 2 and takes and enough and int(enough.group(1)) <= 4 * MEMORY:
            memory = int(enough.group(1))
            continue
        if code != 0:
            raise Failure(f"{name}: exit code {code} within {budget} + {BESIDE} MiB a rank: {said}")
        return budget, printed
    raise Failure(f"{name}: the budget that it names is not enough: {said}")


def one_call(bench, key, words, change, ranks_list, group):
    folder = bench.folder
    verb = key.split("/")[0]
    words = [verb] + words + (["-q"] if bench.has("-q", verb) and verb not in ("diff",) else [])
    takes = bench.has("--memory", verb)
    for ranks in ranks_list:
        name = f"{key} on {ranks} rank{'s' * (ranks > 1)}"
        begin, alone = time.monotonic(), 0.0
        if change:
            shutil.copy(f"{folder}/{change}", f"{folder}/changed.h5")
            words = [w.replace(change, "changed.h5") for w in words]
            free = None
        else:
            free = free_run(folder, words)
            alone = time.monotonic() - begin
        begin = time.monotonic()
        budget, printed = limited_run(folder, words, ranks, group, MEMORY if takes else None, name)
        took = time.monotonic() - begin
        if change:
            faults.succeeds(["verify", "changed.h5", "-q"], folder, timeout=900)
        else:
            same(folder, words, name, (printed, free))
        tidy(folder, bench.inputs)
        tidy(f"{folder}/free", ())
        print(f"ok    {name}: {took:.1f} s within {budget} + {BESIDE} MiB, {alone:.1f} s without a limit")


class Inputs:
    def __init__(self, limit):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="slab-memory-", dir=os.environ.get("SLAB_FAULT_DIR")))
        self.known = {}
        shape = f"{ROWS}x{TIMES * limit // ROWS // 8}"
        table = [line.split("\t") for line in faults.bash(f"call_table out {shape} 500x250", "/").splitlines()]
        self.table = [row for row in table if re.search(ONLY, row[0])]
        words = {"x.h5"}.union(*(set(re.findall(r"\b(?:in|x)\.\w+", row[4])) for row in self.table))
        make_inputs(self.folder, limit, words)
        os.mkdir(f"{self.folder}/free")
        self.inputs = set(os.listdir(self.folder))

    def has(self, option, verb):
        if verb not in self.known:
            self.known[verb] = faults.succeeds(["help", verb], self.folder).stdout
        return re.search(rf"^ +(-\S, )?{option}\b", self.known[verb], re.MULTILINE) is not None


def the_budget_is_found_from_the_group(inputs, group):
    group.limit(300 * MIB)
    done = subprocess.run(faults.command(["stat", "x.h5:/x", "--dry-run"]), cwd=inputs.folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=group.enter,
                          env={k: v for k, v in os.environ.items() if not k.startswith("SLURM")})
    if not re.search(r"per rank \(cgroup\)", done.stdout) or "of 204" not in done.stdout:
        raise Failure(f"the plan says nothing of the group's 300 MiB: {done.stdout}")
    code, said = launch(["stat", "x.h5:/x", "-v"], inputs.folder, 1, group, subprocess.DEVNULL)
    if code != 0 or "(cgroup)" not in said:
        raise Failure(f"stat -v within 300 MiB, nothing stated: exit code {code}: {said}")
    print("ok    without --memory the group's limit is the budget, in the plan and with -v")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ctest's patience: the group goes all the same
    place = Place()
    group = place.group
    inputs = None
    failed = 0
    try:
        inputs = Inputs((MEMORY + BESIDE) * MIB)
        print(f"version {group.version}, {MEMORY} + {BESIDE} MiB, inputs decode to {TIMES} times that")
        the_budget_is_found_from_the_group(inputs, group)
        before = group.pressed()
        for key, _, change, ranks, words in inputs.table:
            try:
                one_call(inputs, key, words.split(), change, (1, 2) if ranks == "ranks" and TIMES >= 20 else (1,), group)
            except Failure as failure:
                print(f"FAILS {failure}")
                failed = 1
                tidy(inputs.folder, inputs.inputs)
                tidy(f"{inputs.folder}/free", ())
        print(f"the limit was met {group.pressed() - before} times, and the page cache given back")
        if group.pressed() == before and not ONLY:
            print("FAILS the limit was never met: the page cache was not tested")
            failed = 1
    except Failure as failure:
        print(f"FAILS {failure}")
        failed = 1
    finally:
        place.close()
        if inputs is not None:
            shutil.rmtree(inputs.folder, ignore_errors=True)
    sys.exit(failed)


main()
