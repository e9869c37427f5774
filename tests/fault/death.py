"""One rank of several dies: see test_death.sh."""
import collections
import os
import random
import sys
import time

import calltrace
import faults

SEED = faults.setting("SLAB_SEED", int(time.time()))
SECONDS = faults.setting("SLAB_SECONDS", 30)
DEATHS = faults.setting("SLAB_DEATHS", 24)
MOST = 10  # seconds until the job must have ended
ONLY = os.environ.get("SLAB_FAULT_ONLY")

PHASES = ["plan", "map broadcast", "stream", "merge", "commit"]


def phases(records, rank):
    """For the n-th call of a rank, from 1, the phase it lies in.

    Stream begins with the first read after a broadcast by which the ranks have what rank 0 read of
    the metadata, and ends with the last read; what messages come between that and the first write
    or sync of the end is merge. A rank that reads nothing by itself has no stream of its own.
    """
    calls = [r for r in records if r.rank == rank and r.did != calltrace.SYNC_END]
    reads = [i for i, r in enumerate(calls) if r.call == "read"]
    words = [i for i, r in enumerate(calls) if r.call == "mpi"]
    commits = [i for i, r in enumerate(calls) if r.call in ("sync", "sync-folder", "rename", "unlink", "truncate")]
    begin = commits[0] if commits else words[-1] if words else len(calls)
    late = [i for i in reads if words and words[0] < i < begin]
    first, last = (late[0], late[-1]) if late else (begin, begin)
    out = []
    for i, r in enumerate(calls):
        if i >= begin:
            out.append("commit")
        elif i > last:
            out.append("merge")
        elif i >= first:
            out.append("stream")
        else:
            out.append("map broadcast" if r.call == "mpi" else "plan")
    return out


class Known:
    """An undisturbed run: of each rank the phase of each of its calls."""

    def __init__(self, case, ranks):
        recorded = f"{case.bench.folder}/trace"
        case.new()
        case.set_up()
        faults.succeeds(case.words + ["-q"], case.trial, ranks=ranks,
                        shim={"FAULT_ROOT": case.bench.folder, "FAULT_TRACE": recorded})
        records = calltrace.read(recorded)
        os.unlink(recorded)
        self.phases = [phases(records, rank) for rank in range(ranks)]

    def moment(self, phase):
        """(rank, n) of a random call in the phase, or None."""
        found = [(rank, n) for rank, list_ in enumerate(self.phases) for n, p in enumerate(list_, 1) if p == phase]
        return random.choice(found) if found else None


def kill(case, ranks, rank, n):
    """Seconds from the death of a rank to the end of the job, and the state that is left."""
    stamp = f"{case.bench.folder}/stamp"
    if os.path.exists(stamp):
        os.unlink(stamp)
    case.set_up()
    done = faults.run(case.words + ["-q"], case.trial, ranks=ranks,
                      shim={"FAULT_ROOT": case.bench.folder, "FAULT_DO": "kill", "FAULT_AT": str(n),
                            "FAULT_RANK": str(rank), "FAULT_STAMP": stamp})
    end = time.time()
    if not os.path.exists(stamp):
        return None, None  # fewer calls than in the run that was counted
    seconds = end - float(open(stamp).read().split()[0])
    if done.returncode == 0:
        raise faults.Failure("the job says that all is well")
    if seconds > MOST:
        raise faults.Failure(f"the job ended only after {seconds:.1f} s")
    if faults.hot_journal(case.trial):
        faults.succeeds(["recover", case.main], case.trial)
    state = case.state()
    case.again(state)
    return seconds, state


def die_in_every_phase(bench, clock):
    cases = [case for case in bench.cases(ONLY) if case.many]
    random.shuffle(cases)
    todo = [(case, ranks, phase) for case in cases for ranks in (2, 4) for phase in PHASES]
    took, known, deaths = collections.defaultdict(list), {}, 0
    while deaths < DEATHS and todo and not clock.over():
        case, ranks, phase = todo.pop(0)
        if (case, ranks) not in known:
            known[case, ranks] = Known(case, ranks)
        moment = known[case, ranks].moment(phase)
        if moment is None:
            continue
        label = f"{case.name}, rank {moment[0]} of {ranks} at call {moment[1]} ({phase})"
        try:
            seconds, state = kill(case, ranks, *moment)
        except faults.Failure as failure:
            raise faults.Failure(f"{label}: {failure}\n      {case.trial}: {os.listdir(case.trial)}; "
                                 f"SLAB_SEED={SEED}") from None
        todo.append((case, ranks, phase))
        if seconds is not None:
            deaths += 1
            took[phase].append(seconds)
            print(f"ok    {label}: ended after {seconds:.2f} s: {state}")
    return took


def main():
    random.seed(SEED)
    print(f"SLAB_SEED={SEED}")
    bench = faults.Bench("40x60", "16x16")
    try:
        took = die_in_every_phase(bench, faults.Clock(SECONDS))
    except faults.Failure as failure:
        print(f"FAILS {failure}")
        sys.exit(1)
    bench.close()
    for phase in PHASES:
        if took[phase]:
            print(f"{phase}: {len(took[phase])} deaths; the job ended after {sum(took[phase]) / len(took[phase]):.2f} s "
                  f"in the mean, {max(took[phase]):.2f} s at most")
    if not took:
        print("FAILS no rank died")
        sys.exit(1)


main()
