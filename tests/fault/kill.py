"""kill -9 at random moments of everything that writes, bytes torn after some: see test_kill.sh."""
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import calltrace
import faults

KILLS = faults.setting("SLAB_KILLS", 25)
SEED = faults.setting("SLAB_SEED", int(time.time()))
SECONDS = faults.setting("SLAB_SECONDS", 30)
LAUNCHER_ALONE = 20  # seconds that mpirun may run without ranks
SHIM = faults.SHIM if faults.setting("SLAB_FAULT_CALLS", 1) else ""
SHAPE = os.environ.get("SLAB_FAULT_SHAPE", "600x2000")


def session(leader):
    """The processes of a session: pid -> name."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        fields = rest.split()
        if fields[3] == str(leader) and fields[0] != "Z":
            found[int(pid)] = name
    return found


def stack(pid):
    """Where a process that does not end is: its parent, and its stacks where there is gdb."""
    with open(f"/proc/{pid}/status") as file:
        known = "".join(line for line in file if line.startswith(("Name", "State", "PPid")))
    if shutil.which("gdb"):
        known += subprocess.run(["gdb", "-q", "-batch", "-p", str(pid), "-ex", "thread apply all bt"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return known


def launch(case, ranks, shim=None):
    """In a session of its own, so that its processes can be told from others."""
    log = open(f"{case.bench.folder}/log", "w")
    return subprocess.Popen(faults.command(case.words + ["-q"], ranks, shim), cwd=case.trial, start_new_session=True,
                            env={**os.environ, **(shim or {})}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def wait_for_all(job):
    """Waits until nothing of the job runs. True: its processes had ended, and mpirun had to be killed.

    When ranks die while they start, Open MPI 4.1's mpirun can deadlock in its own end, in
    PMIx_server_finalize(): nothing that the ranks could do about it.
    """
    begin = alone = time.monotonic()
    stuck = False
    while left := session(job.pid):
        now = time.monotonic()
        if "slab" in left.values():
            alone = now
        if now - begin > faults.TIMEOUT:
            stacks = "".join(map(stack, left))
            kill_all(left)
            raise faults.Failure(f"still running after {faults.TIMEOUT} s: {left}\n{stacks}")
        if now - alone > LAUNCHER_ALONE:
            kill_all(left)
            stuck = True
        job.poll()
        time.sleep(0.02)
    job.wait()
    return stuck


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Undisturbed:
    """A run that nobody kills: its seconds, and how many calls each rank makes."""

    def __init__(self, case, ranks):
        recorded = f"{case.bench.folder}/trace"
        case.new()
        case.set_up()
        shim = {"FAULT_ROOT": case.trial, "FAULT_TRACE": recorded} if SHIM else None
        begin = time.monotonic()
        job = launch(case, ranks, shim)
        wait_for_all(job)
        self.seconds = time.monotonic() - begin
        if job.returncode != 0 or case.state() != "new":
            raise faults.Failure(f"an undisturbed run on {ranks} ranks fails or gives something else than one")
        case.only_final()
        self.calls = {}
        if SHIM:
            self.calls = {rank: sum(n.values()) for rank, n in calltrace.calls(calltrace.read(recorded)).items()}
            os.unlink(recorded)


def strike(job, ranks, who):
    victims = session(job.pid)
    if ranks > 1 and who == "one":
        ours = [pid for pid, name in victims.items() if name == "slab"]
        victims = [random.choice(ours)] if ours else victims
    elif ranks > 1 and who == "launcher":
        victims = [job.pid]
    kill_all(victims)


def look(case, by_hand):
    """The state that a kill left; a hot journal is rolled back first, by hand or by the next command."""
    hot = faults.hot_journal(case.trial)
    said = ""
    if hot:
        done = faults.succeeds(["recover" if by_hand else "ls", case.main], case.trial)
        said = done.stdout + done.stderr
        if "rolled" not in said and "removed the unfinished journal" not in said:
            raise faults.Failure(f"a hot journal is dealt with in silence: {said!r}")
    faults.h5dump_reads(case.trial)
    return case.state(), hot


def tear(case):
    """Spoils bytes that a killed job has left of its output, as a power loss does that the disk had not got them by.

    Before its commit these are all of a temporary file, and what lies behind the end of one that existed.
    """
    part = f"{case.trial}/.{case.main}.slab-part"
    old = f"{case.before}/{case.main}"
    begin = 0 if os.path.exists(part) else os.path.getsize(old) if os.path.exists(old) else None
    path = part if begin == 0 else f"{case.trial}/{case.main}"
    if begin is None or os.path.getsize(path) <= begin:
        return False
    at = random.randrange(begin, os.path.getsize(path))
    with open(path, "r+b") as file:
        file.seek(at)
        bytes_there = file.read(random.choice((1, 4096)))
        file.seek(at)
        file.write(bytes(b ^ 0x55 for b in bytes_there))
    return True


def at_a_moment(case, ranks, known, late):
    """SIGKILL from outside, in every other trial near the end, where the commit is."""
    part = random.uniform(0.6, 1.1) if late else random.uniform(0, 1.05)
    who = random.choice(["one", "all", "launcher"])
    job = launch(case, ranks)
    time.sleep(part * known.seconds)
    alive = job.poll() is None
    strike(job, ranks, who)
    stuck = wait_for_all(job)
    return f"{who} after {part * known.seconds:.3f} s{', mpirun stuck' if stuck else ''}", alive


def at_a_call(case, ranks, known):
    """One rank dies just before a call of its own: moments that pass too fast to be hit from outside."""
    rank = random.choice(list(known.calls))
    n = random.randint(1, known.calls[rank])
    stamp = f"{case.bench.folder}/stamp"
    if os.path.exists(stamp):
        os.unlink(stamp)
    job = launch(case, ranks, {"FAULT_ROOT": case.trial, "FAULT_DO": "kill", "FAULT_AT": str(n),
                               "FAULT_RANK": str(rank), "FAULT_STAMP": stamp})
    stuck = wait_for_all(job)
    call = open(stamp).read().split()[1] if os.path.exists(stamp) else "none"
    return (f"rank {rank} before call {n} of {known.calls[rank]}, {call}{', mpirun stuck' if stuck else ''}",
            call != "none")


def trial(case, ranks, known, number):
    case.set_up()
    what, alive = at_a_call(case, ranks, known) if known.calls and number % 4 in (1, 2) \
        else at_a_moment(case, ranks, known, number % 4 == 0)
    state, hot = look(case, random.random() < 0.5)
    if state != "new" and number % 2 and tear(case):
        what += ", and bytes torn"
    found = "not whole" in case.again(state)
    return what + (" and found" if found else ""), state, hot, alive


def main():
    random.seed(SEED)
    print(f"{KILLS} kills, SLAB_SEED={SEED}")
    clock = faults.Clock(SECONDS)
    bench = faults.Bench(SHAPE, "100x200")
    cases = list(bench.cases(os.environ.get("SLAB_FAULT_ONLY")))
    pairs = [(case, n) for case in cases for n in ((1, 2, 4) if case.many else (1,))]
    order, took, seen, hits, done = [], {}, collections.Counter(), collections.Counter(), 0
    for number in range(KILLS):
        if clock.over():
            break
        order = order or random.sample(pairs, len(pairs))
        case, ranks = order.pop()
        label = f"{case.name}, {ranks} ranks"
        try:
            if (case, ranks) not in took:
                took[case, ranks] = Undisturbed(case, ranks)
            what, state, hot, alive = trial(case, ranks, took[case, ranks], number)
        except faults.Failure as failure:
            print(f"FAILS kill {number} ({label}): {failure}")
            print(f"      {case.trial}: {sorted(os.listdir(case.trial))}; SLAB_SEED={SEED}; the folder is kept")
            sys.exit(1)
        done += 1
        seen[state] += 1
        hits["a running job"] += alive
        hits["a hot journal"] += hot
        hits["torn"] += "torn" in what
        hits["found"] += "found" in what
        hits["mpirun stuck"] += "mpirun stuck" in what
        print(f"ok    kill {number} ({label}): {what}: {state}{', a hot journal' if hot else ''}")
    bench.close()
    if hits["mpirun stuck"]:
        print(f"      mpirun did not end by itself after {hits['mpirun stuck']} of them, when all ranks had ended")
    if hits["torn"]:
        print(f"      of {hits['torn']} outputs bytes were torn; in {hits['found']} they were a chunk's that was to be kept")
    print(f"{done} kills, {hits['a running job']} of them of a running job, {hits['a hot journal']} left a hot journal; "
          f"found: {', '.join(f'{n} {state}' for state, n in sorted(seen.items()))}; lost: 0")


main()
