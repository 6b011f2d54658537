"""Topics, positions and checkpoints as tables of a SQLite file: plain functions on a connection, within its transaction.

One row holds one batch of records, packed with msgpack, compressed with zstd, under a CRC-32. Its key is the topic's number
shifted left by 44 bits plus its first offset, so that a topic's rows lie together and in order. Why: ``docs/decisions/log.md``.
"""

import sqlite3
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow

from backbone.ports import Record
from model import CorruptError, Micros

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, end INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS batches(key INTEGER PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL,"
    " size INTEGER NOT NULL, crc INTEGER NOT NULL, packed BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS positions(reader TEXT NOT NULL, topic TEXT NOT NULL, done INTEGER NOT NULL,"
    " PRIMARY KEY(reader, topic)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS checkpoints(name TEXT PRIMARY KEY, value BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID",
)

_SHIFT: Final = 44
_MOST_RECORDS: Final = 4096
_MOST_BYTES: Final = 4 << 20
_MOST_READ: Final = 16 << 20
"""Bytes after which a read ends with the batch it is in, so that long records cannot fill the memory."""
_LARGEST: Final = 1 << 30
_PLAIN: Final = 256
"""Smaller packs are not compressed: ``size`` 0."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


class Packed(msgspec.Struct, frozen=True):
    """A batch ready to be a row. ``size`` is its length before compression, 0 when it is not compressed."""

    count: int
    size: int
    crc: int
    packed: bytes


def pack(records: Sequence[tuple[str, bytes]]) -> list[Packed]:
    """Records as rows of bounded size. Takes about 2 µs a record of 1.2 KB; zstd works without the interpreter's lock."""
    return [_pack(part) for part in _parts(records)]


def _parts(records: Sequence[tuple[str, bytes]]) -> Iterator[Sequence[tuple[str, bytes]]]:
    start = size = 0
    for at, (key, value) in enumerate(records):
        if at > start and (at - start >= _MOST_RECORDS or size + len(value) > _MOST_BYTES):
            yield records[start:at]
            start, size = at, 0
        size += len(value) + len(key)
    if start < len(records):
        yield records[start:]


def _pack(records: Sequence[tuple[str, bytes]]) -> Packed:
    plain = _encode(records)
    if len(plain) < _PLAIN:
        return Packed(len(records), 0, zlib.crc32(plain), plain)
    squeezed = pyarrow.Codec("zstd", 1).compress(plain, asbytes=True)
    return Packed(len(records), len(plain), zlib.crc32(squeezed), squeezed)


def append(connection: sqlite3.Connection, topic: str, batches: Sequence[Packed], at: Micros) -> int:
    """Add rows at the end of ``topic``; return its last offset."""
    number, end = _topic(connection, topic) or _make(connection, topic)
    for batch in batches:
        connection.execute(
            "INSERT INTO batches VALUES(?, ?, ?, ?, ?, ?)",
            ((number << _SHIFT) + end + 1, batch.count, at, batch.size, batch.crc, batch.packed),
        )
        end += batch.count
    if batches:
        connection.execute("UPDATE topics SET end = ? WHERE id = ?", (end, number))
    return end


def _topic(connection: sqlite3.Connection, topic: str) -> tuple[int, int] | None:
    """(number, end) of a topic."""
    found = connection.execute("SELECT id, end FROM topics WHERE name = ?", (topic,)).fetchone()
    return found and (found[0], found[1])


def _make(connection: sqlite3.Connection, topic: str) -> tuple[int, int]:
    cursor = connection.execute("INSERT INTO topics(name, end) VALUES(?, 0)", (topic,))
    return int(cursor.lastrowid or 0), 0


def end(connection: sqlite3.Connection, topic: str) -> int:
    found = _topic(connection, topic)
    return found[1] if found else 0


class Unpacked:
    """The batches unpacked last, so that reading one in small bites unpacks it once. Safe in several threads."""

    def __init__(self, path: Path, most: int = 4) -> None:
        self._path = path
        self._most = most
        self._kept: OrderedDict[int, list[tuple[str, bytes]]] = OrderedDict()
        self._lock = threading.Lock()

    def records(self, key: int, row: tuple[Any, ...]) -> list[tuple[str, bytes]]:
        """Records of ``row`` = (count, size, crc, packed). CorruptError when its check fails."""
        with self._lock:
            if kept := self._kept.get(key):
                return kept
        records = self._unpack(key, *row)
        with self._lock:
            self._kept[key] = records
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return records

    def _unpack(self, key: int, count: int, size: int, crc: int, packed: bytes) -> list[tuple[str, bytes]]:
        offset = key & ((1 << _SHIFT) - 1)
        try:
            if zlib.crc32(packed) != crc or size > _LARGEST:
                raise ValueError("its check sum is wrong")
            plain = pyarrow.Codec("zstd").decompress(packed, size, asbytes=True) if size else packed
            records = _decode(plain)
            if len(records) != count:
                raise ValueError(f"it has {len(records)} records, not {count}")
        except (ValueError, OSError, pyarrow.ArrowException, msgspec.DecodeError) as error:
            raise CorruptError(
                f"The batch at offset {offset} of {self._path} is damaged ({error}); restore the file from a copy, or skip it."
            ) from error
        return records


def read(connection: sqlite3.Connection, unpacked: Unpacked, topic: str, after: int, limit: int) -> list[Record]:
    """Up to ``limit`` records with offset > ``after``, in order; fewer when they are long."""
    found = _topic(connection, topic)
    if found is None or found[1] <= after or limit <= 0:
        return []
    base = found[0] << _SHIFT
    start = connection.execute("SELECT max(key) FROM batches WHERE key > ? AND key <= ?", (base, base + after + 1)).fetchone()[0]
    rows = connection.execute(
        "SELECT key, at, count, size, crc, packed FROM batches WHERE key >= ? AND key <= ? ORDER BY key",
        (start or base + 1, base + found[1]),
    )
    records: list[Record] = []
    size = 0
    for key, at, *row in rows:
        first = key - base
        if first + row[0] <= after + 1:
            continue
        skip = max(0, after + 1 - first)
        part = unpacked.records(key, tuple(row))[skip : skip + limit - len(records)]
        records.extend([Record(offset, name, value, at) for offset, (name, value) in enumerate(part, first + skip)])
        size += row[1] or len(row[3])
        if len(records) >= limit or size >= _MOST_READ:
            break
    rows.close()
    return records


def position(connection: sqlite3.Connection, group: str, topic: str) -> int:
    found = connection.execute("SELECT done FROM positions WHERE reader = ? AND topic = ?", (group, topic)).fetchone()
    return int(found[0]) if found else 0


def commit(connection: sqlite3.Connection, group: str, topic: str, offset: int) -> None:
    connection.execute(
        "INSERT INTO positions VALUES(?, ?, ?) ON CONFLICT(reader, topic) DO UPDATE SET done = max(done, excluded.done)",
        (group, topic, offset),
    )


def write_checkpoints(connection: sqlite3.Connection, checkpoints: Mapping[str, bytes], at: Micros) -> None:
    connection.executemany(
        "INSERT INTO checkpoints VALUES(?, ?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value, at = excluded.at",
        [(name, value, at) for name, value in checkpoints.items()],
    )


def checkpoint(connection: sqlite3.Connection, name: str) -> bytes | None:
    found = connection.execute("SELECT value FROM checkpoints WHERE name = ?", (name,)).fetchone()
    return bytes(found[0]) if found else None


def forget(connection: sqlite3.Connection, prefix: str, before: Micros) -> int:
    """Drop checkpoints whose name starts with ``prefix``, written before ``before``."""
    return connection.execute(
        "DELETE FROM checkpoints WHERE name >= ? AND substr(name, 1, ?) = ? AND at < ?", (prefix, len(prefix), prefix, before)
    ).rowcount


def trim(connection: sqlite3.Connection, topic: str, groups: Sequence[str], rows: int) -> tuple[int, bool]:
    """Drop up to ``rows`` batches all ``groups`` are done with; (records dropped, whether there may be more)."""
    found = _topic(connection, topic)
    done = min((position(connection, group, topic) for group in groups), default=0)
    if found is None or done <= 0:
        return 0, False
    base = found[0] << _SHIFT
    old = connection.execute(
        "SELECT key, count FROM batches WHERE key > ? AND key <= ? ORDER BY key LIMIT ?", (base, base + done, rows)
    ).fetchall()
    whole = [(key, count) for key, count in old if key + count - 1 <= base + done]
    if not whole:
        return 0, False
    connection.execute("DELETE FROM batches WHERE key >= ? AND key <= ?", (whole[0][0], whole[-1][0]))
    return sum(count for _, count in whole), len(old) == rows
