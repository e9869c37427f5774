"""Reads what the shim (shim.c) recorded."""
import collections
import struct

(READ, WRITE, TRUNCATE, CREATE, OPEN, RENAME, UNLINK, LINK, SYNC_BEGIN, SYNC_END, OTHER) = range(1, 12)
CLASSES = ["read", "write", "sync", "sync-folder", "open", "create", "rename", "unlink", "truncate", "lock", "stat",
           "mpi"]
HEAD = struct.Struct("<IIQQQQIIII")

Record = collections.namedtuple("Record", "did call inode offset size time rank name name2 data")


def read(path):
    records, at = [], 0
    with open(path, "rb") as file:
        raw = file.read()
    while at < len(raw):
        did, call, inode, offset, size, time, rank, n, n2, _ = HEAD.unpack_from(raw, at)
        at += HEAD.size
        name, name2 = raw[at:at + n].decode(), raw[at + n:at + n + n2].decode()
        at += n + n2
        data = raw[at:at + size] if did == WRITE else b""
        at += len(data)
        records.append(Record(did, CLASSES[call], inode, offset, size, time, rank, name, name2, data))
    return records


def calls(records):
    """How many calls of each class each rank made: rank -> class -> n. A sync is recorded twice."""
    counts = collections.defaultdict(collections.Counter)
    for r in records:
        if r.did != SYNC_END:
            counts[r.rank][r.call] += 1
    return counts
