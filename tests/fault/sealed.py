"""Bytes that are changed in files that slab wrote, and what verify says: see test_sealed.sh."""
import collections
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy

import faults

SEED = faults.setting("SLAB_SEED", int(time.time()))
SECONDS = faults.setting("SLAB_SECONDS", 20)
FLIPS = os.environ["SLAB_FLIPS"]  # the library that runs verify for one byte after the other
ALL = faults.setting("SLAB_ALL", 0)  # every byte of every file
ONLY = os.environ.get("SLAB_FAULT_ONLY")
WORKERS = faults.setting("SLAB_WORKERS", 2)
HANGS = 20  # seconds
PATTERNS = (0x01, 0x80, 0xFF)


# --- what a reader sees ---


def add_type(digest, kind):
    """All of a type but the version of its message, which says how it is written down, not what it is."""
    digest.update(repr((kind.get_class(), kind.get_size())).encode())
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        for i in range(kind.get_nmembers()):
            digest.update(repr((kind.get_member_name(i), kind.get_member_offset(i))).encode())
            add_type(digest, kind.get_member_type(i))
    elif isinstance(kind, h5py.h5t.TypeEnumID):
        digest.update(repr([(kind.get_member_name(i), kind.get_member_value(i))
                            for i in range(kind.get_nmembers())]).encode())
        add_type(digest, kind.get_super())
    elif isinstance(kind, (h5py.h5t.TypeArrayID, h5py.h5t.TypeVlenID)):
        digest.update(repr(kind.get_array_dims() if isinstance(kind, h5py.h5t.TypeArrayID) else "list").encode())
        add_type(digest, kind.get_super())
    else:
        message = bytearray(kind.encode())
        message[2] &= 0x0F  # behind two bytes of H5Tencode(): class and version
        digest.update(message)


def add_values(digest, value):
    if isinstance(value, h5py.Empty) or value is None:
        digest.update(b"nothing")
        return
    array = numpy.asarray(value)
    if array.dtype.hasobject:
        for one in array.ravel():
            digest.update((str(one.tolist()) if isinstance(one, numpy.ndarray) else repr(one)).encode())
    else:
        digest.update(array.tobytes())


def add_attributes(digest, thing):
    for name in sorted(thing.attrs):
        one = thing.attrs.get_id(name)
        digest.update(name.encode() + repr((one.shape, one.get_space().get_simple_extent_type())).encode())
        add_type(digest, one.get_type())
        add_values(digest, thing.attrs[name])


def add_array(digest, array):
    made = array.id.get_create_plist()
    filters = [made.get_filter(i)[:3] for i in range(made.get_nfilters())]
    fill = None if array.dtype.hasobject else array.fillvalue  # of texts and lists h5py crashes
    digest.update(repr((array.shape, array.maxshape, array.chunks, filters, fill)).encode())
    add_type(digest, array.id.get_type())
    add_values(digest, array[()])


def add_object(digest, path, thing, seen):
    digest.update(path.encode() + type(thing).__name__.encode())
    add_attributes(digest, thing)
    if isinstance(thing, h5py.Dataset):
        add_array(digest, thing)
    elif isinstance(thing, h5py.Datatype):
        add_type(digest, thing.id)
    elif thing.id not in seen:  # a group may lie in itself
        seen.append(thing.id)
        for name in sorted(thing):
            link = thing.get(name, getlink=True)
            if isinstance(link, h5py.HardLink):
                add_object(digest, f"{path}/{name}", thing[name], seen)
            else:
                digest.update(repr((name, type(link).__name__, link.path, getattr(link, "filename", ""))).encode())


def sight(path, only):
    """A digest of all that h5py shows of a file, or of some objects in it."""
    digest = hashlib.blake2b(digest_size=16)
    with h5py.File(path, "r") as file:
        for name in only or [""]:
            add_object(digest, name, file[name or "/"], [])
    return digest.hexdigest()


def look(pipe, path, only):
    """Tells what is seen each time it is asked; an error is a sight, too."""
    while pipe.recv():
        try:
            pipe.send(sight(path, only))
        except Exception as error:  # h5py raises whatever it likes
            pipe.send(f"{type(error).__name__}: {error}")


class Reader:
    """h5py in a process of its own: HDF5 may crash on what it reads, or never come back."""

    def __init__(self, path, only):
        self.path, self.only, self.process = path, only, None

    def see(self):
        if self.process is None:
            self.pipe, theirs = multiprocessing.Pipe()
            self.process = multiprocessing.Process(target=look, args=(theirs, self.path, self.only), daemon=True)
            self.process.start()
            theirs.close()
        self.pipe.send(True)
        try:
            if self.pipe.poll(HANGS):
                return self.pipe.recv()
            end = "hangs"
        except EOFError:
            end = "crashes"
        self.close()
        return f"h5py {end}"

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


# --- one file ---


class Subject:
    """A file that slab wrote, and how it came to be; `only`: what of it is slab's."""

    def __init__(self, name, path, only=None):
        self.name, self.path, self.only = name, path, only
        with open(path, "rb") as file:
            self.data = file.read()
        self.reader = Reader(path, only)
        self.whole = self.reader.see()
        if not set(self.whole) <= set("0123456789abcdef"):
            raise faults.Failure(f"{name}: h5py cannot read it as it is: {self.whole}")

    def places(self):
        """Where something is written: in gaps there is nothing that anybody reads."""
        written = numpy.frombuffer(self.data, "u1") != 0
        return numpy.flatnonzero(numpy.convolve(written, numpy.ones(17), "same") > 0)

    def verify(self, flips):
        """(offset, xor, exit code) of each."""
        names = [f"{self.path}.{end}" for end in ("list", "result")]
        with open(names[0], "w") as file:
            file.writelines(f"{offset} {with_}\n" for offset, with_ in flips)
        env = {**os.environ, "LD_PRELOAD": FLIPS, "FLIPS_FILE": self.path, "FLIPS_LIST": names[0],
               "FLIPS_RESULT": names[1], "FLIPS_SECONDS": str(HANGS)}
        done = subprocess.run([faults.SLAB, "verify", self.path, "-@", "1"], env=env)
        if done.returncode != 0:
            raise faults.Failure(f"{self.name}: the library that changes bytes ends with {done.returncode}")
        with open(names[1]) as file:
            result = [tuple(map(int, line.split())) for line in file]
        for name in names:
            os.unlink(name)
        return result

    def unseen(self, offset, with_):
        """Why a change that verify has not seen matters; None: nobody sees it."""
        changed = bytearray(self.data)
        changed[offset] ^= with_
        try:
            with open(self.path, "r+b") as file:
                file.write(changed)
            seen = self.reader.see()
        finally:
            with open(self.path, "r+b") as file:
                file.write(self.data)
        return None if seen == self.whole else seen

    def attack(self, flips):
        counts = collections.Counter()
        missed = []
        for offset, with_, status in self.verify(flips):
            counts["found" if 0 < status < 1000 else "of no account" if status == 0 else
                   signal.Signals(status - 1000).name] += 1
            why = self.unseen(offset, with_) if status == 0 else None
            if why:
                missed.append(f"{self.name}: byte {offset} ^ {with_:#04x}: verify says ok, h5py: {why}")
        return counts, missed


# --- ways of writing ---


def foreign(path):
    """What h5py can put into a small file, for slab to copy."""
    with h5py.File(path, "w") as f:
        f.attrs["title"] = "all"
        g = f.create_group("g", track_order=True)
        big = g.create_dataset("big", data=numpy.arange(48).reshape(6, 8), chunks=(4, 3), compression="gzip",
                               shuffle=True, fletcher32=True, maxshape=(None, 8), fillvalue=5)
        big.attrs["units"] = "K"
        f.create_dataset("contiguous", data=numpy.linspace(0, 1, 7))
        f["words"] = ["a", "bc", "d" * 40]
        f.create_dataset("many", data=[f"w{i}" for i in range(20)], dtype=h5py.string_dtype(), chunks=(7,),
                         compression="gzip")
        table = numpy.zeros(9, [("a", "f8"), ("b", "i4", (2,)), ("s", "S3")])
        table["a"], table["s"] = numpy.arange(9), b"xyz"
        f.create_dataset("table", data=table, chunks=(4,))
        f["flat"] = table[:2]
        ragged = f.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
        ragged[0], ragged[1] = [1, 2], [3]
        references = f.create_dataset("refs", (2,), h5py.ref_dtype)
        references[0], references[1] = g.ref, big.ref
        f.create_dataset("enum", data=[0, 1, 1], dtype=h5py.enum_dtype({"red": 0, "green": 1}, "u1"))
        f["empty"], f["scalar"], f["type"] = h5py.Empty("f4"), 5, numpy.dtype("f4")
        f["soft"], f["far"] = h5py.SoftLink("/g/big"), h5py.ExternalLink("o.h5", "/x")
        f["hard"], f["loop"] = big, g
        f["scale"] = numpy.arange(6.)
        f["scale"].make_scale("time")
        big.dims[0].attach_scale(f["scale"])
        big.attrs["words"], big.attrs["to"] = ["one", "three"], f["scale"].ref
        big.attrs["region"] = f["table"].regionref[2:4]


def continued(words, output, cwd):
    """The command is killed when its chunks are written and nothing is committed, and run once more."""
    for at in range(1, 10):
        shim = {"FAULT_ROOT": os.path.realpath(cwd), "FAULT_DO": "kill", "FAULT_CALL": "sync", "FAULT_AT": str(at)}
        if faults.run(words, cwd, shim=shim).returncode == 0:
            break
        if "continuing" in faults.succeeds(words, cwd).stderr:
            return
        os.unlink(f"{cwd}/{output}")
    raise faults.Failure(f"slab {' '.join(words)} is never continued")


def more_ways(folder):
    """(name, file, what of it is slab's): what the calls of tests/cli/calls.sh do not come to."""
    def run(*words, ranks=1):
        faults.succeeds([*words, "-q"], folder, ranks=ranks)

    normal = ["random", "normal", "--shape", "9x14", "--chunks", "4x5", "--seed", "3"]
    run(*normal, "-o", "ranks.h5:/x", ranks=2)
    run(*normal, "-o", "ranks.h5:/deep/y", ranks=4)
    yield "several ranks", "ranks.h5", None
    run(*normal, "-o", "collective.h5:/x", "--backend", "collective", ranks=2)
    run(*normal, "-o", "collective.h5:/g/y", "--backend", "collective", "--filter", "gzip")
    yield "the collective backend", "collective.h5", None
    foreign(f"{folder}/foreign.h5")
    run("copy", "foreign.h5", "-o", "copy.h5")
    yield "a copy", "copy.h5", None
    run("copy", "foreign.h5", "-o", "filtered.h5", "--filter", "zstd:9", "--chunks", "3x3")
    run("copy", "filtered.h5:/g", "-o", "filtered.h5:/again/g")
    yield "a copy with other chunks", "filtered.h5", None
    run(*normal, "-o", "foreign.h5:/new/x")
    yield "an array in a file of h5py", "foreign.h5", ["/new"]
    run(*normal, "-o", "changed.h5:/x")
    run("attr", "changed.h5:/x", "units=K", "scale=0.5", "list=[1,2]", 'words=["a","bcd"]', "flag=true")
    run("attr", "changed.h5:/x", "units=metre", "scale=2")
    run("attr", "changed.h5:/x", "--delete", "list")
    run("attr", "changed.h5", "title=all")
    run(*normal, "-o", "changed.h5:/g/gone")
    run(*normal, "-o", "changed.h5:/g/y")
    run("rm", "changed.h5:/g/gone")
    run(*normal[:-1], "4", "-o", "changed.h5:/x", "--force")
    yield "attributes, rm and --force", "changed.h5", None
    continued([*normal, "-o", "resumed.h5:/x"], "resumed.h5", folder)
    yield "a run that was killed", "resumed.h5", None


def subjects(bench, folder, rng, clock):
    """The files; of the calls as many as are made in time."""
    os.mkdir(folder)
    for name, file, only in more_ways(folder):
        if ONLY is None or ONLY in name:
            yield Subject(name, f"{folder}/{file}", only)
    rows = list(bench.table)
    rng.shuffle(rows)
    for i, case in enumerate(bench.cases(ONLY, rows)):
        if clock.over():
            return
        if not case.main.endswith(".h5"):
            continue
        case.set_up()
        faults.succeeds(case.words + ["-q"], case.trial)
        path = f"{folder}/{i}.h5"
        shutil.copy(f"{case.trial}/{case.main}", path)
        yield Subject(case.name, path)


def agrees(subject):
    """As it is, all is well, and all of it is sealed."""
    done = faults.run(["verify", subject.path], "/")
    if done.returncode != 0 or ("not made by this slab" in done.stdout and subject.only is None):
        raise faults.Failure(f"{subject.name}: verify of the file as it is: {done.stdout}{done.stderr}")


# --- all of it ---


def every_byte(subject):
    flips = [(offset, p) for offset in range(len(subject.data)) for p in PATTERNS]
    return [flips[i:i + 3000] for i in range(0, len(flips), 3000)]


def sample(subject, rng, n):
    places = subject.places()
    return [(int(places[rng.randrange(len(places))]), rng.choice((1 << rng.randrange(8), 0xFF, rng.randrange(1, 256))))
            for _ in range(n)]


def work(mine, clock, seed, results):
    rng = random.Random(seed)
    total, missed = collections.Counter(), []
    try:
        rounds = [(s, flips) for s in mine for flips in every_byte(s)] if ALL else None
        while rounds is None or rounds:
            if rounds is None:
                batch = [(s, sample(s, rng, 20)) for s in rng.sample(mine, len(mine))]
            else:
                batch, rounds = rounds, []
            for subject, flips in batch:
                counts, lost = subject.attack(flips)
                total += counts
                missed += lost
                if clock.over():
                    return
    finally:
        for subject in mine:
            subject.reader.close()
        results.put((total, missed))


def main():
    clock, making = faults.Clock(SECONDS), faults.Clock(SECONDS / 2)
    bench = faults.Bench("9x14", "4x5")
    total, missed = collections.Counter(), []
    try:
        every = list(subjects(bench, f"{bench.folder}/subjects", random.Random(SEED), making))
        for subject in every:
            agrees(subject)
            subject.reader.close()
        print(f"{len(every)} files, {sum(len(s.data) for s in every)} bytes, SLAB_SEED={SEED}")
        results = multiprocessing.Queue()
        workers = [multiprocessing.Process(target=work, args=(every[i::WORKERS], clock, SEED + i, results))
                   for i in range(WORKERS) if every[i::WORKERS]]
        for worker in workers:
            worker.start()
        for _ in workers:
            counts, lost = results.get()
            total += counts
            missed += lost
        for worker in workers:
            worker.join()
    finally:
        bench.close()
    for line in missed[:50]:
        print("FAILS", line)
    print(f"{sum(total.values())} changed bytes: {dict(total)}; {len(missed)} missed")
    if not total["found"]:
        print("FAILS nothing was found: the test is blind")
    return 1 if missed or not total["found"] else 0


if __name__ == "__main__":
    sys.exit(main())
