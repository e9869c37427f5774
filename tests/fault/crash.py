"""Every legal state of the disk after a loss of power at any point of a call: see test_crash.sh."""
import collections
import os
import random
import re
import shutil
import sys

import calltrace as ct
import disk
import faults

SEED = faults.setting("SLAB_SEED", 1)
STATES = faults.setting("SLAB_STATES", 12)  # of each trace; 0: all
SECONDS = faults.setting("SLAB_SECONDS", 30)
ONLY = os.environ.get("SLAB_FAULT_ONLY")


class Finished(Exception):
    """The run that was to be left unfinished had done its work."""


class Recording:
    """A call, traced from start to end, and the files that it found kept by their inodes: a journal names one."""

    def __init__(self, case, ranks, unfinished):
        self.case, self.ranks, self.unfinished = case, ranks, unfinished
        self.bank = f"{case.bench.folder}/bank"
        shutil.rmtree(self.bank, ignore_errors=True)
        os.mkdir(self.bank)
        self.banked = set()
        case.new()
        case.set_up()
        if unfinished:
            self.leave_unfinished()
        self.disk = disk.Disk(case.trial)
        # slab writes only to files of one name: they are held, so that their inodes are not used again
        held = [open(f"{case.trial}/{name}", "rb") for name in os.listdir(case.trial)]
        before = {os.fstat(file.fileno()).st_ino for file in held if not os.path.basename(file.name).startswith(".")}
        recorded = f"{case.bench.folder}/trace"
        faults.succeeds(case.words + ["-q"], case.trial, ranks=ranks,
                        shim={"FAULT_ROOT": case.trial, "FAULT_TRACE": recorded})
        self.records = ct.read(recorded)
        os.unlink(recorded)
        self.check_complete()
        for name in os.listdir(case.trial):  # those that were written in place
            if os.stat(f"{case.trial}/{name}").st_ino in before:
                self.put_away(name)
        for file in held:
            file.close()

    def put_away(self, name):
        """A file whose inode is used again goes to the bank, where it has its only name."""
        path = f"{self.case.trial}/{name}"
        self.banked.add(os.stat(path).st_ino)
        os.rename(path, f"{self.bank}/{os.stat(path).st_ino}")

    def leave_unfinished(self):
        """The same command was killed before: where `unfinished` says, a share of its calls."""
        shim = {"FAULT_ROOT": self.case.trial, "FAULT_TRACE": f"{self.case.bench.folder}/count"}
        faults.succeeds(self.case.words + ["-q"], self.case.trial, ranks=self.ranks, shim=shim)
        calls = sum(ct.calls(ct.read(shim["FAULT_TRACE"]))[0].values())
        os.unlink(shim.pop("FAULT_TRACE"))
        self.case.set_up()
        shim.update(FAULT_DO="kill", FAULT_RANK="0", FAULT_AT=str(max(1, round(self.unfinished * calls))))
        if faults.run(self.case.words + ["-q"], self.case.trial, ranks=self.ranks, shim=shim).returncode == 0:
            raise Finished  # threads made fewer calls this time
        if not faults.hot_journal(self.case.trial) and self.case.state() != "old":
            raise Finished

    def check_complete(self):
        """With all operations kept the model gives what is there: the shim missed none."""
        model = disk.Disk.__new__(disk.Disk)
        model.__dict__ = {k: (v.copy() if isinstance(v, (dict, list)) else v) for k, v in self.disk.__dict__.items()}
        for number, r in enumerate(self.records):
            model.take(number, r)
        names, content = model.state(model.pending, [disk.KEPT] * len(model.pending))
        for name in {*names, *os.listdir(self.case.trial)}:
            with open(f"{self.case.trial}/{name}", "rb") as file:
                if name not in names or content[names[name]] != file.read():
                    raise faults.Failure(f"the recording does not give what {name} holds: the shim missed a call")

    def name(self):
        return plan_name(self.case.name, self.ranks, self.unfinished)

    def journal_seconds(self):
        """How long other readers had to wait."""
        longest = begin = 0
        for r in self.records:
            if r.name.endswith(faults.JOURNAL):
                begin = r.time if r.did == ct.CREATE else begin
                longest = max(longest, r.time - begin if r.did == ct.UNLINK and begin else 0)
        return longest / 1e9

    def states(self):
        """All that differ: (point, description, names, content, after the end)."""
        seen = set()
        last = len(self.records) - 1
        for number, r in enumerate(self.records):
            changed = self.disk.take(number, r)
            if number == last:
                seen.clear()  # what was legal on the way need not be at the end
            if not changed and number != last:
                continue
            for keep in self.disk.choices(random):
                names, content = self.disk.state(self.disk.pending, keep)
                key = disk.digest(names, content)
                if key not in seen:
                    seen.add(key)
                    yield number, self.disk.describe(keep), names, content, number == last

    def lay_out(self, names, content):
        """Makes the state in the trial folder. Files that were there before have the inodes
        they had, but for slab's own."""
        trial = self.case.trial
        for name in os.listdir(trial):
            if os.stat(f"{trial}/{name}").st_ino in self.banked:
                self.put_away(name)
            else:
                os.unlink(f"{trial}/{name}")
        for name, inode in names.items():
            kept = f"{self.bank}/{inode}"
            if os.path.exists(kept):
                os.rename(kept, f"{trial}/{name}")
            with open(f"{trial}/{name}", "r+b" if inode in self.banked else "wb") as file:
                file.truncate(0)
                file.write(content[inode])


def check(recording, names, content, ended, by_hand):
    """What a state must allow; returns what was found."""
    case = recording.case
    recording.lay_out(names, content)
    hot = faults.hot_journal(case.trial)
    if not hot:
        state = case.state()  # readable by others as it is
    if by_hand or hot:
        done = faults.succeeds(["recover" if by_hand else "ls", case.main], case.trial)
        if hot and not re.search("rolled|removed the unfinished journal", done.stdout + done.stderr):
            raise faults.Failure("a journal is dealt with in silence")
        state = case.state()
    if ended and state != "new":
        raise faults.Failure("the command had ended well, but its result is lost")
    case.again(state)
    return state, hot


def replay(recording, clock, count, everything=False):
    states = list(recording.states())
    total = len(states)
    if not everything and STATES and total > STATES:
        states = random.sample(states, STATES)
    done = 0
    for i, (number, text, names, content, ended) in enumerate(states):
        if clock.over():
            break
        try:
            state, hot = check(recording, names, content, ended, by_hand=i % 2 == 0)
        except faults.Failure as failure:
            raise faults.Failure(
                f"{recording.name()}: {failure}\n"
                f"      power lost after record {number} of {len(recording.records)}"
                f"{', after the end' if ended else ''}; pending: {text}\n"
                f"      {recording.case.trial}: {sorted(os.listdir(recording.case.trial))}; SLAB_SEED={SEED}") from None
        count[state] += 1
        count["hot"] += hot
        done += 1
    count["states"] += done
    count["all"] += total
    print(f"ok    {recording.name()}: {done} of {total} states; journal there for "
          f"{recording.journal_seconds() * 1000:.1f} ms")


def plan_name(case, ranks, unfinished):
    return f"{case}, {ranks} ranks" + (f", killed before at {unfinished:.0%}" if unfinished else "")


def plans(bench):
    """Each case on one rank, alone and after a run that was killed, and on two ranks."""
    for case in bench.cases():
        for ranks, unfinished in ((1, 0), (1, 0.5), (1, 0.8), (1, 0.95), (2, 0))[:5 if case.many else 4]:
            if ONLY is None or re.search(ONLY, plan_name(case.name, ranks, unfinished)):
                yield case, ranks, unfinished


def finds_what_no_sync_loses(bench):
    """Without fsync a loss of power loses data: if the replay does not see that, it sees nothing."""
    for case in bench.cases("^random (new|beside)"):
        sane = case.words
        case.words = sane + ["--no-sync"]
        recording = Recording(case, 1, 0)
        case.words = sane
        try:
            replay(recording, faults.Clock(0), collections.Counter(), everything=True)
        except faults.Failure as failure:
            print(f"ok    with --no-sync a loss is found, as it must be: {str(failure).splitlines()[0]}")
            shutil.rmtree(case.before)
            continue
        raise faults.Failure("with --no-sync nothing is lost: the replay is blind")


def replay_all(bench, clock):
    finds_what_no_sync_loses(bench)
    count = collections.Counter()
    todo = list(plans(bench))
    random.shuffle(todo)
    traces, longest = 0, 0
    for case, ranks, unfinished in todo:
        if clock.over():
            break
        try:
            recording = Recording(case, ranks, unfinished)
        except Finished:
            continue
        longest = max(longest, recording.journal_seconds())
        replay(recording, clock, count)
        traces += 1
    print(f"{count['states']} of {count['all']} states of {traces} traces: {count['old']} old, {count['new']} new, "
          f"{count['between']} between, {count['hot']} with a journal, of at most {longest * 1000:.1f} ms; lost: 0")


def main():
    random.seed(SEED)
    clock = faults.Clock(SECONDS)
    bench = faults.Bench("40x60", "16x16")
    try:
        replay_all(bench, clock)
    except faults.Failure as failure:
        print(f"FAILS {failure}")
        sys.exit(1)
    bench.close()


main()
