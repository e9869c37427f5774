"""What may lie on a disk after a loss of power: a model of files, names and syncs.

A trace of calls is replayed; what was not synced when the power went may be there or not. Of the
pending operations (writes, changes of length, changes of names) a state keeps some:

  - all, none, every prefix in the order they were made;
  - all but one, for each; and, for a write that lengthens its file, its length without its bytes;
  - one alone, for each;
  - the newest and one other torn: only sectors before, or only those behind, a boundary of 512 or
    4096 bytes, with all others kept and with none;
  - a number of random subsets, with random tears.

Legal means: a sector of 512 bytes is written whole, and holds the first k of the writes that touched
it, for some k (the page cache gives it to the disk as it is then). fsync and fdatasync make bytes and
length of a file durable, but not its name; fsync of the folder makes names durable. Renames are
atomic; names may reach the disk in any order.
"""
import collections
import hashlib
import os

import calltrace as ct

SECTOR = 512
RANDOM_SUBSETS = 8

Op = collections.namedtuple("Op", "number what inode offset data names text")
# what: "write", "length" or "names"; names: {name: inode or None}


class Torn:
    """Of a write, the sectors first..last-1 reached the disk, and the length its end where that is one of them."""

    def __init__(self, first, last):
        self.first, self.last = first, last

    def __repr__(self):
        return f"sectors {self.first} to {self.last}"


KEPT, DROPPED, LENGTH_ONLY = 1, 0, "length only"


class Disk:
    def __init__(self, folder):
        """The files of a folder, all durable."""
        self.folder = folder
        self.folder_inode = os.stat(folder).st_ino
        self.names, self.content, self.pending, self.begun = {}, {}, [], {}
        for name in os.listdir(folder):
            self.names[name] = os.stat(f"{folder}/{name}").st_ino
            with open(f"{folder}/{name}", "rb") as file:
                self.content[self.names[name]] = file.read()
        self.live = dict(self.names)  # as the running program sees them

    def base(self, path):
        return os.path.relpath(path, self.folder)

    def rename(self, names):
        self.live.update(names)
        return names

    def take(self, number, r):
        """Advances over a record; true when what may be on the disk changed."""
        op = None
        if r.did == ct.WRITE:
            op = Op(number, "write", r.inode, r.offset, r.data, None, f"write of {r.size} at {r.offset}")
        elif r.did == ct.TRUNCATE:
            op = Op(number, "length", r.inode, r.offset, b"", None, f"length {r.offset}")
        elif r.did == ct.CREATE:
            self.content.setdefault(r.inode, b"")
            op = Op(number, "names", 0, 0, b"", self.rename({self.base(r.name): r.inode}), f"create {self.base(r.name)}")
        elif r.did == ct.RENAME:
            a, b = self.base(r.name), self.base(r.name2)
            op = Op(number, "names", 0, 0, b"", self.rename({b: self.live[a], a: None}), f"rename {a} {b}")
        elif r.did == ct.LINK:
            a, b = self.base(r.name), self.base(r.name2)
            op = Op(number, "names", 0, 0, b"", self.rename({b: self.live[a]}), f"link {a} {b}")
        elif r.did == ct.UNLINK:
            op = Op(number, "names", 0, 0, b"", self.rename({self.base(r.name): None}), f"unlink {self.base(r.name)}")
        elif r.did == ct.SYNC_BEGIN:
            self.begun[r.offset, r.rank] = {op.number for op in self.pending if self.synced_by(r.inode, op)}
        elif r.did == ct.SYNC_END:
            return self.sync(self.begun.pop((r.offset, r.rank)))
        if op is not None:
            self.pending.append(op)
        return op is not None

    def synced_by(self, inode, op):
        return op.what == "names" if inode == self.folder_inode else op.inode == inode

    def sync(self, numbers):
        done = [op for op in self.pending if op.number in numbers]
        self.names, self.content = self.state(done, [KEPT] * len(done), everything=True)
        self.pending = [op for op in self.pending if op.number not in numbers]
        return bool(done)

    # --- states ---

    def state(self, ops, keep, everything=False):
        """Names and contents when of ops those were kept that keep says."""
        names, content = dict(self.names), dict(self.content) if everything else {}
        by_inode = collections.defaultdict(list)
        for op, how in zip(ops, keep):
            if op.what == "names":
                if how:
                    names.update(op.names)
            else:
                by_inode[op.inode].append((op, how))
        names = {name: inode for name, inode in names.items() if inode is not None}
        for inode in set(by_inode) if everything else set(names.values()):
            content[inode] = file_state(self.content[inode], by_inode[inode])
        return names, content

    def choices(self, random):
        """How to keep the pending operations: lists of KEPT, DROPPED, LENGTH_ONLY or Torn."""
        n = len(self.pending)
        ones, zeros = [KEPT] * n, [DROPPED] * n
        yield ones
        yield zeros
        for i, op in enumerate(self.pending):
            yield ones[:i] + zeros[i:]
            yield ones[:i] + [DROPPED] + ones[i + 1:]
            yield zeros[:i] + [KEPT] + zeros[i + 1:]
            if op.what == "write":
                yield ones[:i] + [LENGTH_ONLY] + ones[i + 1:]
        writes = [i for i, op in enumerate(self.pending) if op.what == "write"]
        for i in {writes[-1], random.choice(writes)} if writes else ():
            for torn in tears(self.pending[i]):
                yield ones[:i] + [torn] + ones[i + 1:]
                yield zeros[:i] + [torn] + zeros[i + 1:]
        for _ in range(RANDOM_SUBSETS if n > 1 else 0):
            weight = random.choice([0.2, 0.5, 0.8])
            yield [KEPT if random.random() < weight else random.choice(self.lesser(op, random)) for op in self.pending]

    def lesser(self, op, random):
        return [DROPPED] if op.what != "write" else [DROPPED, LENGTH_ONLY, random.choice([DROPPED, *tears(op)])]

    def describe(self, keep):
        return "; ".join(f"{op.text}: {'kept' if how == KEPT else 'dropped' if how == DROPPED else how}"
                         for op, how in zip(self.pending, keep))


def sectors(op):
    return op.offset // SECTOR, (op.offset + len(op.data) + SECTOR - 1) // SECTOR


def tears(op):
    """The first, the last and a middle boundary between sectors, and between pages of 4096 bytes."""
    first, last = sectors(op)
    cuts = set()
    for step in (1, 8):
        inside = [c for c in range((first // step + 1) * step, last, step)]
        cuts.update(inside[i] for i in (0, len(inside) // 2, -1) if inside)
    for cut in sorted(cuts):
        yield Torn(first, cut)
        yield Torn(cut, last)


def kept_sectors(op, how):
    first, last = sectors(op)
    if how == KEPT:
        return range(first, last)
    return range(how.first, how.last) if isinstance(how, Torn) else range(0)


def file_state(base, ops):
    """Contents of a file when of its pending operations those were kept."""
    newest = {}  # sector -> number of the newest write that it holds
    for op, how in ops:
        if op.what == "write":
            for s in kept_sectors(op, how):
                newest[s] = op.number
    out = bytearray(base)
    for op, how in ops:
        if op.what == "length":
            if how:
                del out[op.offset:]
                out.extend(bytes(op.offset - len(out)))
            continue
        end = op.offset + len(op.data)
        pieces = [s for s in range(*sectors(op)) if newest.get(s, -1) >= op.number]
        reach = end if how in (KEPT, LENGTH_ONLY) else min(end, (pieces[-1] + 1) * SECTOR) if pieces else 0
        out.extend(bytes(max(0, reach - len(out))))
        for s in pieces:
            a, b = max(s * SECTOR, op.offset), min((s + 1) * SECTOR, end)
            out[a:b] = op.data[a - op.offset:b - op.offset]
    return bytes(out)


def digest(names, content):
    h = hashlib.blake2b(digest_size=16)
    for name in sorted(names):
        h.update(name.encode() + b"\0" + hashlib.blake2b(content[names[name]], digest_size=16).digest())
    return h.digest()
