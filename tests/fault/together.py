"""Several processes at one file, names and rights: see test_together.sh."""
import concurrent.futures
import fcntl
import hashlib
import os
import random
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import time

import h5py

import calltrace
import faults
from faults import Failure

ONLY = os.environ.get("SLAB_FAULT_ONLY", "")
SEED = faults.setting("SLAB_SEED", int(time.time()))
SECONDS = faults.setting("SLAB_SECONDS", 8)  # of readers beside a writer, of each kind; five times that of names
BUSY = re.compile("another process|another file has become|is being written")


def start(words, cwd, **env):
    return subprocess.Popen(faults.command(words), cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(words, cwd, pattern):
    """Exit code 2 and one line that matches."""
    done = faults.run(words, cwd)
    lines = done.stderr.strip().splitlines()
    if done.returncode != 2 or len(lines) != 1 or not re.search(pattern, lines[0]):
        raise Failure(f"slab {' '.join(words)}: exit code {done.returncode}, not refused with '{pattern}': "
                      f"{done.stderr.strip()}")
    return lines[0]


def digests(folder):
    """Of the bytes of every file, links followed."""
    out = {}
    for name in sorted(os.listdir(folder)):
        if os.path.isfile(f"{folder}/{name}"):
            with open(f"{folder}/{name}", "rb") as file:
                out[name] = hashlib.blake2b(file.read()).hexdigest()
    return out


# --- readers beside a writer ---

# /x and /y are of one commit: all elements of both are K, and their shapes tell K too.
SHAPE = "(({0} % 5) * 64 + 256, 512)"


def commit(folder, k, **env):
    text = f"x = zeros({SHAPE.format(k)}) + {k}; y = zeros({k % 7 + 1}) + {k}"
    done = subprocess.run(faults.command(["calc", text, "--chunks", "16x16", "--force", "-q", "-o", "f.h5"]),
                          cwd=folder, env={**os.environ, **env}, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failure(f"a commit: exit code {done.returncode}: {done.stderr.strip()}")


def judge(values, shapes, who):
    """K of a file in which all is K."""
    if len(set(values)) != 1:
        raise Failure(f"{who} sees values of several commits: {sorted(set(values))}")
    k = int(values[0])
    if shapes and shapes != ((k % 5 * 64 + 256, 512), (k % 7 + 1,)):
        raise Failure(f"{who} sees {k} in shapes of another commit: {shapes}")
    return k


def slab_reads(folder, **env):
    """K, or None when slab says that it met a commit."""
    text = "a = min(x); b = max(x); c = min(y); d = max(y); e = sum(x) / x.size; f = sum(y) / y.size"
    done = subprocess.run(faults.command(["calc", text, "x=f.h5:/x", "y=f.h5:/y"]), cwd=folder,
                          env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 2 and BUSY.search(done.stderr) and len(done.stderr.splitlines()) == 1:
        return None
    if done.returncode != 0:
        raise Failure(f"slab beside a writer: exit code {done.returncode}: {done.stderr.strip()}")
    return judge([float(line.split("\t")[1]) for line in done.stdout.splitlines()], None, "slab")


def h5py_reads(folder, **env):
    try:
        with h5py.File(f"{folder}/f.h5", "r") as file:
            x, y = file["x"][()], file["y"][()]
    except (BlockingIOError, OSError) as error:
        if getattr(error, "errno", None) == 11 or "unable to lock file" in str(error):
            return None
        raise Failure(f"h5py beside a writer: {error}") from None
    return judge([x.min(), x.max(), y.min(), y.max()], (x.shape, y.shape), "h5py")


def h5dump_reads(folder, **env):
    """By the driver that locks before it reads: kept out, h5dump takes others, see docs/sharing.md."""
    done = subprocess.run(["h5dump", "-f", "sec2", "-y", "-w", "1", "-d", "/x", "-s", "0,0", "-c", "256,1", "-d", "/y", "f.h5"],
                          cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=faults.within_memory)
    if done.returncode != 0 or "unable to open" in done.stdout + done.stderr:
        return None  # it does not say why; that it opens mostly is counted
    values = [float(v) for v in re.findall(r"^\s*(\d+),?$", done.stdout, re.MULTILINE)]
    shapes = tuple(tuple(int(n) for n in s.split(",")) for s in
                   re.findall(r"SIMPLE \{ \( ([0-9, ]+) \) / \( [0-9, ]+ \) \}\s+SUBSET", done.stdout) +
                   re.findall(r"SIMPLE \{ \( ([0-9, ]+) \) / \( [0-9, ]+ \) \}\s+DATA \{", done.stdout))
    return judge(values, shapes if len(shapes) == 2 else None, "h5dump")


def watch(folder, reads, **env):
    """Readers in this process, a writer in a child that commits without a pause; (reads, refusals, states)."""
    commit(folder, 1, **env)
    writer = os.fork()
    if writer == 0:
        try:
            for k in range(2, 1000000):
                commit(folder, k, **env)
        except Failure as failure:
            print(f"FAILS {failure}")
        finally:
            os._exit(1)
    done, refusals, states, failure = 0, 0, set(), None
    clock, begin = faults.Clock(SECONDS), time.monotonic()
    try:
        # a reader that the writer mostly keeps out gets four times as long
        while not clock.over() or (done < 20 and time.monotonic() < begin + 4 * SECONDS):
            k = reads(folder, **env)
            done, refusals = done + (k is not None), refusals + (k is None)
            states.add(k)
    finally:
        ended, _ = os.waitpid(writer, os.WNOHANG)
        if ended == 0:
            os.kill(writer, signal.SIGKILL)
            os.waitpid(writer, 0)
        time.sleep(0.5)  # its last commit, which goes on without it
    if ended != 0:
        raise Failure("the writer failed")
    states.discard(None)
    if done < 20 or len(states) < 3:
        raise Failure(f"{done} reads of {len(states)} states, {refusals} refused: too few to mean something")
    return done, refusals, len(states)


def readers_never_see_half_a_commit(folder):
    off = {"HDF5_USE_FILE_LOCKING": "FALSE"}
    for name, reads, env in (("slab", slab_reads, {}), ("h5py", h5py_reads, {}), ("h5dump", h5dump_reads, {}),
                             ("slab without locks", slab_reads, off)):
        place = f"{folder}/{name.replace(' ', '-')}"
        os.mkdir(place)
        done, refusals, states = watch(place, reads, **env)
        print(f"      {name}: {done} reads of {states} states, {refusals} told to come again")


# --- writers ---

LONG = ["random", "normal", "--shape", "6000x6000", "--filter", "zstd:19", "-q", "-o"]


def until(condition, what, seconds=20):
    clock = faults.Clock(seconds)
    while not condition():
        if clock.over():
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def says(child, pattern, seconds=20):
    """The first line of stderr, which must match."""
    if not select.select([child.stderr], [], [], seconds)[0]:
        child.kill()
        raise Failure(f"nothing within {seconds} s where '{pattern}' was to be said")
    line = child.stderr.readline()
    if not re.search(pattern, line):
        child.kill()
        raise Failure(f"'{line.strip()}' where '{pattern}' was to be said")
    return line.strip()


def end(child):
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=faults.TIMEOUT)
    return child.returncode


def a_second_writer_is_told_who_the_first_is(folder):
    faults.succeeds(["random", "normal", "--shape", "50x50", "-q", "-o", "old.h5:/old"], folder)
    for output, sign in (("old.h5:/new", ".old.h5.slab-job"), ("new.h5:/new", ".new.h5.slab-part")):
        first = start(LONG + [output], folder)
        until(lambda: os.path.exists(f"{folder}/{sign}"), "a first writer")
        time.sleep(0.2)
        for words in (["random", "normal", "--shape", "5x5", "-o", output], ["clean", output.split(":")[0]]):
            said = refused(words, folder, rf"process {first.pid} \(slab\)")
            print(f"      {said}")
        if output.startswith("old"):
            refused(["attr", "old.h5:/old", "a=1"], folder, rf"written by process {first.pid} \(slab\)")
            with h5py.File(f"{folder}/old.h5", "r") as file:  # a reader is not kept away
                if file["old"].shape != (50, 50):
                    raise Failure("h5py sees something else beside a writer")
            faults.succeeds(["stat", "old.h5:/old"], folder)
            try:
                h5py.File(f"{folder}/old.h5", "r+").close()
                raise Failure("h5py may write beside a writer")
            except OSError:
                pass
        if end(first) != 75:
            raise Failure(f"the first writer: exit code {first.returncode}")
        faults.succeeds(["clean", output.split(":")[0]], folder)
    faults.succeeds(["attr", "old.h5:/old", "a=1"], folder)


def a_commit_waits_for_those_who_have_the_file_open(folder):
    faults.succeeds(["random", "normal", "--shape", "50x50", "-q", "-o", "f.h5:/old"], folder)
    words = ["random", "normal", "--shape", "300x300", "-o", "f.h5:/new"]
    with h5py.File(f"{folder}/f.h5", "r") as file:
        writer = start(words, folder)
        waiting = rf"waiting for process {os.getpid()} \(.*\) to close '.*f.h5'"
        print(f"      {says(writer, waiting)}")
        if sorted(file) != ["old"] or file["old"][()].shape != (50, 50):
            raise Failure("the file changed under its reader")
        end(writer)
        if writer.returncode != 75:
            raise Failure(f"stopped while it waited: exit code {writer.returncode}")
        limited = faults.run(words + ["--time-limit", "2"], folder)
        if limited.returncode != 75 or "the same command continues" not in limited.stderr:
            raise Failure(f"a time limit while it waits: exit code {limited.returncode}: {limited.stderr}")
        writer = start(words, folder)
        says(writer, "continuing|waiting")
    writer.communicate(timeout=faults.TIMEOUT)
    if writer.returncode != 0:
        raise Failure(f"the file is closed and the commit does not come: exit code {writer.returncode}")
    with h5py.File(f"{folder}/f.h5", "r") as file:
        if sorted(file) != ["new", "old"]:
            raise Failure(f"after the commit there are {sorted(file)}")
    with open(f"{folder}/f.h5", "rb") as holder:  # any program that knows of flock
        fcntl.flock(holder, fcntl.LOCK_EX)
        refused(["attr", "f.h5:/old", "a=1"], folder, rf"written by process {os.getpid()} ")


# --- commits that are interrupted, and those who come to the file by another way ---

SMALL = ["random", "normal", "--shape", "40x50", "--chunks", "5x5", "--seed", "2", "-q", "-@", "1", "-o", "f.h5:/y"]


def copy_of(folder):
    """A fresh copy of what is in a folder, links as they are."""
    place = f"{folder}/.trial"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, place, symlinks=True, ignore=shutil.ignore_patterns(".trial"))
    return place


def struck(words, place, do, call, at):
    """A process that the shim kills or holds still; it has come so far, or has ended."""
    shim = {"FAULT_ROOT": place, "FAULT_DO": do, "FAULT_CALL": call, "FAULT_AT": str(at)}
    child = subprocess.Popen(faults.command(words, shim=shim), cwd=place, env={**os.environ, **shim},
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    return child


def is_still(child):
    with open(f"/proc/{child.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] in "tT"


def torn(place):
    """Is a journal there, and do the bytes that were there differ already?"""
    with open(f"{place}/f.h5", "rb") as new, open(f"{place}/old", "rb") as old:
        before = old.read()
        return os.path.exists(f"{place}/f.h5.slab-journal") and new.read(len(before)) != before


def make_ways(folder):
    """f.h5, ways to it: a link, a link to that, a link in an HDF5 file; which write of a commit tears it."""
    faults.succeeds(["random", "normal", "--shape", "60x50", "--chunks", "10x10", "-q", "-o", "f.h5:/x"], folder)
    shutil.copy(f"{folder}/f.h5", f"{folder}/old")
    os.symlink("f.h5", f"{folder}/link.h5")
    os.mkdir(f"{folder}/o")
    os.symlink("../link.h5", f"{folder}/o/l.h5")
    with h5py.File(f"{folder}/main.h5", "w") as file:
        file["pad"] = [0.0] * 20000
        file["f"] = h5py.ExternalLink("f.h5", "/")
    for n in range(1, 100):
        place = copy_of(folder)
        struck(SMALL, place, "kill", "write", n).communicate()
        if torn(place):
            return n
    raise Failure("no kill of a write tears the file")


def half_a_commit_is_seen_by_no_way(folder):
    """By a link, in a file that links to it: rolled back when the writer is dead, waited for when it lives."""
    n, ways = make_ways(folder), [["ls", "-r", "link.h5"], ["ls", "o/l.h5"], ["verify", "link.h5"],
                                  ["info", "main.h5:/f/x"]]
    for words in ways:
        place = copy_of(folder)
        struck(SMALL, place, "kill", "write", n).communicate()
        done = faults.succeeds(words, place)
        if not torn(place) and "/y" not in done.stdout and "rolled" in done.stderr:
            continue
        raise Failure(f"slab {' '.join(words)} sees what was not committed: {done.stdout} {done.stderr}")
    place = copy_of(folder)
    writer = struck(SMALL, place, "stop", "write", n)
    pattern = rf"another process is writing '.*': process {writer.pid} \(slab\)"
    with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:  # each waits for some seconds
        said = list(pool.map(lambda words: refused(words, place, pattern), ways))
    print(f"      {said[0]}")
    writer.kill()
    writer.communicate()


def a_reader_that_was_there_when_a_writer_was_killed_sees_the_old_state(folder):
    """It is held still before each of its locks, and goes on when the writer is dead."""
    n, m, rolled = make_ways(folder), 1, 0
    while True:
        place = copy_of(folder)
        reader = struck(["ls", "-r", "f.h5"], place, "stop", "lock", m)
        if not is_still(reader):
            break
        shim = {"FAULT_ROOT": place, "FAULT_DO": "kill", "FAULT_CALL": "write", "FAULT_AT": str(n)}
        try:
            faults.run(SMALL, place, shim=shim, timeout=2)
        except Failure:  # the reader is amid its look, and the writer waits for it, as it should
            pass
        reader.send_signal(signal.SIGCONT)
        out, err = reader.communicate(timeout=faults.TIMEOUT)
        if reader.returncode != 0 or "/x" not in out or "/y" in out:
            raise Failure(f"held at its lock {m} a reader sees {out} {err}, exit code {reader.returncode}")
        rolled += "rolled" in err
        m += 1
    reader.communicate()
    if rolled < 2:
        raise Failure(f"{rolled} of {m - 1} readers undid the commit: too few to mean something")
    print(f"      {m - 1} moments, {rolled} rollbacks")


def clean_undoes_a_commit_before_it_gives_up(folder):
    """A run that went on from an earlier one is killed amid its commit, and given up."""
    words = ["random", "normal", "--shape", "2000x1000", "--chunks", "50x100", "--filter", "none", "--seed", "2",
             "-q", "-@", "1", "-o", "f.h5:/y"]
    make_ways(folder)
    struck(words, folder, "kill", "write", 12).communicate()
    if "chunks" not in faults.succeeds(["jobs"], folder).stdout:
        raise Failure("nothing is left to go on with")
    for n in range(1, 100):
        place = copy_of(folder)
        struck(words, place, "kill", "write", n).communicate()
        if torn(place):
            break
    done = faults.succeeds(["clean", "f.h5"], place)
    if "rolled" not in done.stderr or "is removed" not in done.stdout:
        raise Failure(f"clean says {done.stdout} {done.stderr}")
    if digests(place)["f.h5"] != digests(place)["old"] or any(".slab-" in name for name in os.listdir(place)):
        raise Failure(f"clean leaves {sorted(os.listdir(place))}, f.h5 of {os.path.getsize(place + '/f.h5')} bytes")
    faults.succeeds(["verify", "f.h5"], place)


def a_file_of_two_names_is_not_written_in_place(folder):
    make_ways(folder)
    os.link(f"{folder}/f.h5", f"{folder}/other.h5")
    for name in ("f.h5", "other.h5", "link.h5"):
        said = refused(SMALL[:-1] + [f"{name}:/y"], folder, "2 names .* copy the file")
    print(f"      {said}")
    with open(f"{folder}/f.h5", "rb") as new, open(f"{folder}/old", "rb") as old:
        if new.read() != old.read():
            raise Failure("it was refused, and has changed")
    os.unlink(f"{folder}/other.h5")
    faults.succeeds(SMALL, folder)


# --- names ---


def leads_back(case, bench, way):
    """Makes the case's output a name of one of its inputs; its words, and that input. None: it has none."""
    found = [w for w in case.words if "../a/" in w]
    if case.mode != "new" or not found:
        return None, None
    source = re.search(r"\.\./a/([\w.]+)", found[0]).group(1)
    case.set_up()
    path = f"{case.trial}/{case.main}"
    words = list(case.words)
    if way == "symlink":
        os.symlink(f"../a/{source}", path)
    elif way == "hard link":
        os.link(f"{bench.folder}/a/{source}", path)
    else:  # through a folder that is a link
        os.symlink(f"{bench.folder}/a", f"{case.trial}/folder")
        words = [w.replace(case.main, f"folder/{source}") if w.startswith(case.main) else w for w in words]
    # an array beside the input's is no harm: the output's path is the input's
    path = re.search(r"\.h5:(/\w+)", found[0])
    if path and source.endswith(".h5"):
        words = [re.sub(r"^((folder/)?[\w-]+\.h5)(:/\w+)?$", rf"\1:{path.group(1)}", w)
                 if case.main in w or w.startswith("folder/") else w for w in words]
    return words, source


def an_output_that_is_an_input_is_refused(folder):
    bench = faults.Bench("40x60", "16x16")
    before, trials = digests(f"{bench.folder}/a"), 0
    for case in bench.cases(" new$"):
        for way in ("symlink", "hard link", "folder"):
            for force in ([], ["--force"]):
                words, source = leads_back(case, bench, way)
                if words is None or (force and not bench.has_option(case.verb, "--force")):
                    continue
                if force and way == "hard link" and not case.main.endswith(".h5"):
                    continue  # the name is replaced, and the input keeps its own
                refused(words + force, case.trial, "input|exists|--force|not an HDF5|no HDF5|format")
                trials += 1
                if digests(f"{bench.folder}/a") != before:
                    raise Failure(f"{' '.join(words + force)}: an input has changed")
    print(f"      {trials} refusals")
    bench.close()


def an_output_that_exists_is_refused_without_force(folder):
    bench = faults.Bench("40x60", "16x16")
    for case in bench.cases(" force$"):
        case.set_up()
        before = digests(case.trial)
        said = refused([w for w in case.words if w != "--force"], case.trial, "exists|--force")
        if digests(case.trial) != before or case.main not in said:
            raise Failure(f"{case.name}: {said}")
        # a link to nothing is no place for an output either
        if not case.main.endswith(".h5"):
            os.unlink(f"{case.trial}/{case.main}")
            os.symlink("nowhere", f"{case.trial}/{case.main}")
            refused([w for w in case.words if w != "--force"], case.trial, "link to nothing|exists")
            if os.path.exists(f"{case.trial}/nowhere"):
                raise Failure(f"{case.name}: written through a link to nothing")
    bench.close()


# --- rights, and names that others could plant ---


def recorded(case, ranks=1):
    """The record of an undisturbed run."""
    trace = f"{case.bench.folder}/trace"
    case.set_up()
    faults.succeeds(case.words + ["-q"], case.trial, ranks=ranks,
                    shim={"FAULT_ROOT": case.bench.folder, "FAULT_TRACE": trace})
    records = calltrace.read(trace)
    os.unlink(trace)
    return records


def shuffled(bench):
    cases = list(bench.cases())
    random.shuffle(cases)
    return cases


def too_wide(folder, mask):
    """What has rights that the mask takes away."""
    for name in os.listdir(folder):
        mode = os.lstat(f"{folder}/{name}").st_mode
        if stat.S_ISREG(mode) and mode & mask:
            raise Failure(f"{name} has rights {mode & 0o777:03o} under umask {mask:03o}")


def kinds_of(folder):
    """What the files are that slab has beside outputs and in its scratch folder."""
    return {re.sub(r"-\d+$|-\w{6}$", "", name.split(".slab-")[-1])
            for name in os.listdir(folder) if ".slab-" in name or "slab-scratch" in name}


def killed_behind_each_file(bench, case, made, mask):
    """The kinds of files that were seen by one who killed it when a file more was there, and looked."""
    seen = set()
    for n in made:
        case.set_up()
        faults.run(case.words + ["-q"], case.trial,
                   shim={"FAULT_ROOT": bench.folder, "FAULT_DO": "kill", "FAULT_AT": str(n + 2)})
        for place in (case.trial, bench.scratch):
            too_wide(place, mask)
            seen |= kinds_of(place)
        for name in os.listdir(bench.scratch):
            os.unlink(f"{bench.scratch}/{name}")
    return seen


def no_file_has_wider_rights_than_the_umask_says(folder):
    """A run is killed before each call behind which a file more is there, and what lies about looked at."""
    seen, mask = set(), 0o077
    old = os.umask(mask)
    bench = faults.Bench("40x60", "16x16")
    faults.scratch = bench.scratch
    try:
        clock = faults.Clock(5 * SECONDS)
        for case in shuffled(bench):
            if clock.over():
                break
            calls = [r for r in recorded(case) if r.did != calltrace.SYNC_END]
            too_wide(case.trial, mask)
            made = [n for n, r in enumerate(calls) if r.did == calltrace.CREATE]
            seen |= killed_behind_each_file(bench, case, made, mask)
        whole = not clock.over()
    finally:
        os.umask(old)
        faults.scratch = None
        bench.close()
    print(f"      seen: {', '.join(sorted(seen))}")
    if whole and not {"part", "job", "journal", "log"} <= {re.split(r"[-.\d]", s)[0] for s in seen}:
        raise Failure(f"not all kinds of files were seen: {sorted(seen)}")


def what_is_written_has_the_rights_that_the_umask_leaves(folder):
    bench, looked = faults.Bench("40x60", "16x16"), 0
    old = os.umask(0o027)
    try:
        for case in bench.cases(" new$"):
            case.set_up()
            there = set(os.listdir(case.trial))
            faults.succeeds(case.words + ["-q"], case.trial)
            for name in set(os.listdir(case.trial)) - there:
                mode = stat.S_IMODE(os.lstat(f"{case.trial}/{name}").st_mode)
                looked += 1
                if mode != 0o640:
                    raise Failure(f"{' '.join(case.words)}: {name} has rights {mode:03o} under umask 027")
    finally:
        os.umask(old)
        bench.close()
    if looked < 10:
        raise Failure(f"{looked} files were looked at")
    print(f"      {looked} files")


def planted_names_are_not_followed(folder):
    """Under each name that a run makes, a link to a victim, a link to nothing, or a pipe waits for it."""
    bench = faults.Bench("40x60", "16x16")
    victim, nowhere = f"{bench.folder}/victim", f"{bench.folder}/nowhere"
    with open(victim, "w") as file:
        file.write("precious")
    trials, clock = 0, faults.Clock(5 * SECONDS)
    for case in shuffled(bench):
        if clock.over():
            break
        names = {r.name for r in recorded(case) if r.did == calltrace.CREATE and r.name.startswith(case.trial + "/")}
        names |= {f"{case.trial}/.{case.main}.slab-{kind}" for kind in ("part", "job", "state", "log.0")}
        for name in sorted(names):
            for plant in (lambda: os.symlink(victim, name), lambda: os.symlink(nowhere, name),
                          lambda: os.link(victim, name), lambda: os.mkfifo(name)):
                case.set_up()
                if os.path.lexists(name):
                    continue
                plant()
                done = faults.run(case.words + ["-q"], case.trial)
                trials += 1
                what = f"{' '.join(case.words)} where {os.path.basename(name)} was planted"
                if done.returncode not in (0, 2):
                    raise Failure(f"{what}: exit code {done.returncode}: {done.stderr}")
                with open(victim) as file:
                    if file.read() != "precious" or os.path.exists(nowhere):
                        raise Failure(f"{what}: it was followed")
                os.path.lexists(name) and os.unlink(name)
                state = case.state()
                if done.returncode == 0 and state != "new":
                    raise Failure(f"{what}: success, and {state}")
    print(f"      {trials} plants")
    bench.close()


def nothing_that_a_file_says_is_executed(folder):
    """Names that a shell or gnuplot would run, in a file that is asked for pictures, tables and copies."""
    evil = ["`touch pwned`", "$(touch pwned)", "';system(\"touch pwned\");'", "\"`touch pwned`\"", "|touch pwned"]
    with h5py.File(f"{folder}/evil.h5", "w") as file:
        for i, name in enumerate(evil):
            data = file.create_dataset(f"g{i}/{name}", data=[[1.0, 2.0], [3.0, 4.0]])
            data.attrs["units"] = data.attrs["long_name"] = data.attrs["slab_command"] = name
            data.attrs[name] = name
    asked = 0
    with h5py.File(f"{folder}/evil.h5", "r") as file:
        paths = [f"/g{i}/{name}" for i, name in enumerate(evil)]
    plots = shutil.which("gnuplot") is not None
    for i, path in enumerate(paths):
        x = f"evil.h5:{path}"
        calls = [["ls", "-r", "evil.h5"], ["info", x], ["head", x], ["stat", x], ["attr", x], ["verify", "evil.h5"],
                 ["hist", x, "--bins", "2"], ["export", x, "-o", f"out{i}.csv"], ["copy", x, "-o", f"out{i}.h5:/x"],
                 ["diff", x, x]]
        if plots:
            calls += [["stat", x, "--axis", "0", "--plot", f"a{i}.svg"], ["hist", x, "--plot", f"b{i}.svg"],
                      ["hist", x, "--plot", "$(touch pwned).svg"], ["hist", x, "--plot", "|touch pwned; cat >x.svg"]]
        for words in calls:
            done = faults.run(words, folder)
            asked += done.returncode == 0
            if done.returncode not in (0, 2):
                raise Failure(f"slab {' '.join(words)}: exit code {done.returncode}: {done.stderr}")
            if os.path.exists(f"{folder}/pwned"):
                raise Failure(f"slab {' '.join(words)} runs what a file says")
    if asked < 30:
        raise Failure(f"only {asked} calls succeeded")
    print(f"      {asked} calls{'' if plots else ', none of gnuplot, which is not here'}")


TESTS = [readers_never_see_half_a_commit, a_second_writer_is_told_who_the_first_is,
         a_commit_waits_for_those_who_have_the_file_open, half_a_commit_is_seen_by_no_way,
         a_reader_that_was_there_when_a_writer_was_killed_sees_the_old_state,
         clean_undoes_a_commit_before_it_gives_up, a_file_of_two_names_is_not_written_in_place, an_output_that_is_an_input_is_refused,
         an_output_that_exists_is_refused_without_force, no_file_has_wider_rights_than_the_umask_says,
         what_is_written_has_the_rights_that_the_umask_leaves,
         planted_names_are_not_followed, nothing_that_a_file_says_is_executed]


def main():
    failed = 0
    random.seed(SEED)
    print(f"SLAB_SEED={SEED}")
    for test in TESTS:
        if not re.search(ONLY, test.__name__):
            continue
        folder = os.path.realpath(faults.tempfile.mkdtemp(prefix="slab-fault-"))
        name = test.__name__.replace("_", " ")
        try:
            test(folder)
            print(f"ok    {name}")
        except Failure as failure:
            print(f"FAILS {name}: {failure}")
            failed = 1
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(failed)


main()
