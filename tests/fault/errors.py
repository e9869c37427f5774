"""Errors of the system at each call: see test_errors.sh."""
import collections
import errno
import os
import random
import re
import shutil
import subprocess
import sys
import time

import calltrace
import faults

SEED = faults.setting("SLAB_SEED", int(time.time()))
SECONDS = faults.setting("SLAB_SECONDS", 20)
ONLY = os.environ.get("SLAB_FAULT_ONLY")
EACH_ON_TWO = faults.setting("SLAB_EACH_ON_TWO", 2)  # calls of each class that fail on one of two ranks
WHO = [(1, 0), (2, 1), (2, 0)]  # of how many ranks which one is struck


class Fault:
    """What goes wrong in which calls. harmless: the run must succeed all the same."""

    def __init__(self, name, classes, what, sticky=False, harmless=False):
        self.name, self.classes, self.sticky, self.harmless = name, classes.split(), sticky, harmless
        self.what = str(what)

    def shim(self, bench, call, n):
        """What tells the shim to strike at the n-th call of a class."""
        shim = {"FAULT_ROOT": bench.folder, "FAULT_DO": self.what, "FAULT_AT": str(n)}
        if call != "all":
            shim["FAULT_CALL"] = call
        if self.sticky:
            shim["FAULT_STICKY"] = "1"
        return shim


FAULTS = [
    Fault("disk full", "write truncate create", errno.ENOSPC, sticky=True),
    Fault("EIO", "read write sync sync-folder open create rename unlink truncate stat", errno.EIO),
    Fault("EIO from then on", "read write sync unlink", errno.EIO, sticky=True),
    Fault("ENOSPC when synced", "sync", errno.ENOSPC),
    Fault("quota", "write create", errno.EDQUOT),
    Fault("read-only", "create", errno.EROFS, sticky=True),
    Fault("no rights", "open create", errno.EACCES),
    Fault("too many files", "open create", errno.EMFILE),
    Fault("cut short", "read write", "short", harmless=True),
    Fault("always cut short", "read write", "short", sticky=True, harmless=True),
    Fault("EINTR", "read write lock", errno.EINTR, harmless=True),
    Fault("no locks here", "lock", errno.ENOLCK, sticky=True),
    Fault("the folder vanishes", "all", "vanish"),
]

HURT = [("reduce force", "EIO", "read"),  # what could not be looked at was taken for absent, in outputs
        ("pca beside", "EIO", "read"),  # and in inputs
        ("reduce force", "EIO from then on", "read"),
        ("pca beside", "EIO from then on", "read"),
        ("attr/set change", "EINTR", "lock")]  # a lock that was not given back kept out its owner


def check_message(done, harmless):
    """It succeeds, or says in one line which file is the matter."""
    said = [line for line in done.stderr.splitlines() if line.startswith("slab: ")]
    if done.returncode not in (0, 2):
        raise faults.Failure(f"exit code {done.returncode}: {done.stderr.strip()[:500]}")
    if harmless and done.returncode != 0:
        raise faults.Failure(f"fails though nothing is wrong: {done.stderr.strip()[:500]}")
    if done.returncode == 2:
        if len(said) != 1:
            raise faults.Failure(f"not one line but {len(said)}: {done.stderr.strip()[:500]}")
        if not re.search(r"\b(out|in|x)\.(h5|npy|bed|bim|fam|csv)|trial|/a'|scratch", said[0]):
            raise faults.Failure(f"its message names no file: {said[0]}")
    return said


def verdict(case, done, harmless, may_leave):
    """The outcome of a run that something befell; a Failure when it is none of those that may be."""
    said = check_message(done, harmless)
    if done.returncode == 2 and done.stdout:
        raise faults.Failure(f"prints though it fails: {done.stdout[:200]}")
    left = {name for name in os.listdir(case.trial) if name not in case.new() and name not in case.old}
    left |= set(os.listdir(case.bench.scratch))
    if left and not may_leave:
        raise faults.Failure(f"exit code {done.returncode} and leaves {sorted(left)}: {said}")
    if faults.hot_journal(case.trial):
        faults.succeeds(["ls", case.main], case.trial)
    state = case.state()
    if done.returncode == 0 and state != "new":
        raise faults.Failure("says it is done, and is not")
    case.again(state)
    return {("old", 2): "refused", ("between", 2): "refused between", ("new", 2): "refused, but there",
            ("new", 0): "done"}[state, done.returncode]


def inject(case, fault, call, n, ranks, struck=0):
    case.set_up()
    shim = {**fault.shim(case.bench, call, n), "FAULT_RANK": str(struck), "FAULT_VANISH": case.trial}
    done = faults.run(case.words + ["-q"], case.trial, ranks=ranks, shim=shim)
    if os.path.exists(f"{case.trial}.gone"):
        shutil.rmtree(case.trial, ignore_errors=True)
        os.rename(f"{case.trial}.gone", case.trial)
    if call == "unlink":
        for name in os.listdir(case.bench.scratch):
            os.unlink(f"{case.bench.scratch}/{name}")
    may_leave = fault.what == "vanish" or call == "unlink" or fault.sticky and not fault.harmless
    return verdict(case, done, fault.harmless, may_leave)


def counted(case, ranks, struck=0):
    """Calls of each class of the rank that is to be struck."""
    recorded = f"{case.bench.folder}/trace"
    case.new()
    case.set_up()
    faults.succeeds(case.words + ["-q"], case.trial, ranks=ranks,
                    shim={"FAULT_ROOT": case.bench.folder, "FAULT_TRACE": recorded})
    counts = calltrace.calls(calltrace.read(recorded))[struck]
    os.unlink(recorded)
    counts["all"] = sum(n for call, n in counts.items() if call != "mpi")
    return counts


def places(case):
    """(fault, class, n, ranks, struck): every call of one rank, some of each of two."""
    for ranks, struck in WHO if case.many else WHO[:1]:
        counts = counted(case, ranks, struck)
        for fault in FAULTS:
            for call in fault.classes:
                numbers = range(1, counts[call] + 1)
                if ranks > 1:
                    numbers = random.sample(numbers, min(EACH_ON_TWO, len(numbers)))
                for n in numbers:
                    yield fault, call, n, ranks, struck


# --- calls that write nothing ---


def disturb_readers(bench, clock, seen):
    """Each read, open and look of those fails: they say so, or give what they give undisturbed."""
    for key, words in bench.readers(ONLY):
        recorded = f"{bench.folder}/trace"
        usual = faults.run(words, bench.folder, shim={"FAULT_ROOT": bench.folder, "FAULT_TRACE": recorded})
        if usual.returncode != 0:
            raise faults.Failure(f"slab {' '.join(words)}: {usual.stderr.strip()}")
        counts = calltrace.calls(calltrace.read(recorded))[0] if os.path.exists(recorded) else {}
        if counts:
            os.unlink(recorded)
        todo = [(fault, call, n) for fault in FAULTS for call in fault.classes if call in ("read", "open", "stat")
                for n in range(1, counts.get(call, 0) + 1)]
        for fault, call, n in random.sample(todo, min(len(todo), 12 if SECONDS else len(todo))):
            if clock.over():
                return
            done = faults.run(words, bench.folder, shim=fault.shim(bench, call, n))
            try:
                if not (key == "verify" and done.returncode == 1 and "in.h5" in done.stdout):  # it found damage
                    check_message(done, fault.harmless)
                if done.returncode == 0 and done.stdout != usual.stdout:
                    raise faults.Failure("says it is done, and prints something else")
            except faults.Failure as failure:
                raise faults.Failure(f"{key}, {fault.name} at {call} {n}: {failure}") from None
            seen[f"{fault.name}, reading", "refused" if done.returncode else "done"] += 1


# --- a disk that is full or read-only for real ---


class SmallDisk:
    """A tmpfs of some pages, at `small` in the bench's folder, from which inputs are reached by links."""

    def __init__(self, bench):
        self.folder = f"{bench.folder}/small"
        os.mkdir(self.folder)
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", self.folder],
                                      stderr=subprocess.DEVNULL).returncode == 0
        for name in "ab" if self.mounted else "":
            os.symlink(f"../{name}", f"{self.folder}/{name}")

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)

    def used_pages(self):
        st = os.statvfs(self.folder)
        return st.f_blocks - st.f_bfree

    def close(self):
        if self.mounted:
            subprocess.run(["umount", self.folder], check=True)


def fill_up(case, small, clock, seen):
    """The call with room for no page more than there is, for one more, and so on, until it succeeds."""
    case.new()
    usual, case.trial = case.trial, f"{small.folder}/trial"
    for room in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233]:
        if clock.over():
            break
        small.remount("size=64m")
        case.set_up()
        small.remount(f"size={4 * max(1, small.used_pages() + room)}k")
        done = faults.run(case.words + ["-q"], case.trial)
        if done.returncode == 2 and "No space left" not in done.stderr:
            raise faults.Failure(f"with room for {room} pages: {done.stderr.strip()}")
        small.remount("size=64m")
        outcome = verdict(case, done, False, may_leave=False)
        seen["a full tmpfs", outcome] += 1
        if outcome == "done":
            break
    if not clock.over():
        small.remount("rw")
        case.set_up()
        small.remount("ro")
        done = faults.run(case.words + ["-q"], case.trial)
        small.remount("rw")
        if done.returncode == 0:
            raise faults.Failure("succeeds on a disk that is read-only")
        seen["a read-only tmpfs", verdict(case, done, False, may_leave=False)] += 1
    case.trial = usual


def fill_small_disk(bench, cases, clock, seen):
    small = SmallDisk(bench)
    try:
        if not small.mounted:
            print("skipped: a real full disk; a tmpfs needs root")
            return
        for case in cases:
            if not clock.over():
                where = f"{case.name} on a small tmpfs"
                try:
                    fill_up(case, small, clock, seen)
                except faults.Failure as failure:
                    raise faults.Failure(f"{where}: {failure}") from None
    finally:
        small.close()


def strike_where_it_hurt(cases, seen):
    """Every call of those kinds that something was found at: samples may miss it."""
    for case, name, call in [(case, name, call) for case in cases for key, name, call in HURT if key == case.name]:
        fault = next(fault for fault in FAULTS if fault.name == name)
        for n in range(1, counted(case, 1)[call] + 1):
            try:
                seen[name, inject(case, fault, call, n, 1)] += 1
            except faults.Failure as failure:
                raise faults.Failure(f"{case.name}, {name} at {call} {n}: {failure}") from None


def inject_all(bench, cases, clock, seen):
    todo = {case: None for case in cases}
    while todo and not clock.over():
        for case in list(todo):
            if todo[case] is None:
                todo[case] = random.sample(found := list(places(case)), len(found))
            for _ in range(25 if SECONDS else len(todo[case])):
                if clock.over() or not todo[case]:
                    break
                fault, call, n, ranks, struck = todo[case].pop()
                try:
                    seen[fault.name, inject(case, fault, call, n, ranks, struck)] += 1
                except faults.Failure as failure:
                    who = f"rank {struck} of {ranks}"
                    raise faults.Failure(f"{case.name}, {who}, {fault.name} at {call} {n}: {failure}\n"
                                         f"      {case.trial}: {sorted(os.listdir(case.trial))}") from None
            if not todo[case]:
                del todo[case]


def main():
    random.seed(SEED)
    print(f"SLAB_SEED={SEED}")
    bench = faults.Bench("40x60", "16x16")
    faults.scratch = bench.scratch
    seen = collections.Counter()
    try:
        cases = list(bench.cases(ONLY))
        random.shuffle(cases)
        strike_where_it_hurt(cases, seen)
        disturb_readers(bench, faults.Clock(SECONDS / 4), seen)
        fill_small_disk(bench, cases, faults.Clock(SECONDS / 4), seen)
        inject_all(bench, cases, faults.Clock(SECONDS / 2), seen)
    except faults.Failure as failure:
        print(f"FAILS {failure}")
        sys.exit(1)
    bench.close()
    for (name, outcome), n in sorted(seen.items()):
        print(f"ok    {name}: {n} {outcome}")
    print(f"{sum(seen.values())} errors; lost: 0")


main()
