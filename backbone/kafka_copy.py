"""The local copy of a state topic: one SQLite file that knows, in the same transaction, up to where it is applied.

The topic is the truth, compacted by key; the copy can always be made again from it. What is in the topic:

    <space>/<key>                value, header ``entry``: "<at> <version>"    an entry; no value: deleted
    /cursor/<group>/<topic>      offset                                       what the owner consumed (committed offsets of a
                                                                              group expire on Kafka, compacted records do not)
    /commit                      "<owner> <number>"                           the last commit, and whose it was

``change`` of an entry is its record's offset plus one, so it is the same for every reader of the topic, for ever.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from backbone import sqlite_state
from backbone import sqlite_topics as topics
from backbone.kafka_batches import Row
from backbone.kafka_topics import TOMBSTONES
from backbone.ports import Clock, Put
from backbone.sqlite_file import SqliteFile
from backbone.sqlite_state import SqliteState
from model import BackboneError, CorruptError, Micros

SCHEMA: Final = (
    *sqlite_state.SCHEMA,
    "CREATE TABLE IF NOT EXISTS applied(topic TEXT NOT NULL, next INTEGER NOT NULL, at INTEGER NOT NULL, last TEXT NOT NULL)",
)
COMMIT: Final = b"/commit"
_CURSOR: Final = "/cursor/"
_EMPTY: Final = ("DELETE FROM entries", "DELETE FROM positions", "UPDATE applied SET next = 0, at = 0, last = ''")


class Applied(NamedTuple):
    """``next``: Kafka's offset to go on from. ``at``: when the copy was last at the topic's end. ``last``: the last commit."""

    next: int
    at: Micros
    last: str


class Change(NamedTuple):
    """A record of the topic as the copy takes it. ``value`` None: deleted."""

    offset: int
    key: bytes
    value: bytes | None
    mark: bytes


class Copy:
    """Use ``await Copy.open(...)``. Reads go to ``entries`` (a SqliteState over the same file)."""

    def __init__(self, file: SqliteFile, clock: Clock) -> None:
        self._file, self._clock = file, clock
        self.entries = SqliteState(file, clock)

    @classmethod
    async def open(cls, path: Path, topic: str, clock: Clock) -> "Copy":
        """The copy of ``topic`` (with its partition) at ``path``, empty when new."""
        copy = cls(await SqliteFile.open(path, SCHEMA, synced=False), clock)
        await copy._file.write(lambda c: _belongs(c, topic, path))
        return copy

    async def applied(self) -> Applied:
        return await self._file.read(lambda c: Applied(*c.execute("SELECT next, at, last FROM applied").fetchone()))

    async def empty(self) -> None:
        """Forget everything, to be read anew."""
        await self._file.write(lambda c: [c.execute(statement) for statement in _EMPTY])

    async def usable(self, stable: int) -> bool:
        """Whether the copy can go on from where it is: within the topic, and no delete was forgotten while it slept."""
        applied = await self.applied()
        return applied.next <= stable and (applied.next == 0 or self._clock.now() - applied.at < TOMBSTONES // 2)

    async def apply(self, changes: Sequence[Change], at_end: bool) -> None:
        """Take ``changes`` in order. ``at_end``: nothing committed comes after them now."""
        now = self._clock.now()
        await self._file.write(lambda c: _apply(c, changes, now if at_end else None))

    async def position(self, group: str, topic: str) -> int:
        return await self._file.read(lambda c: topics.position(c, group, topic))

    async def plan(self, puts: Sequence[Put], deletes: Sequence[tuple[str, str]]) -> list[Row]:
        """The records that make ``puts`` and ``deletes`` of what is now. ConflictError when an expectation does not hold."""
        return await self._file.read(lambda c: _plan(c, puts, deletes))

    async def close(self) -> None:
        await self._file.close()


def _belongs(connection: sqlite3.Connection, topic: str, path: Path) -> None:
    found = connection.execute("SELECT topic FROM applied").fetchone()
    if found is None:
        connection.execute("INSERT INTO applied VALUES(?, 0, 0, '')", (topic,))
    elif found[0] != topic:
        raise BackboneError(f"{path} is a copy of {found[0]}, not of {topic}; name another file, or remove this copy.")


def _plan(connection: sqlite3.Connection, puts: Sequence[Put], deletes: Sequence[tuple[str, str]]) -> list[Row]:
    versions: dict[tuple[str, str], int] = {}
    rows: list[Row] = []
    for put in puts:
        place = (put.space, put.key)
        version = versions[place] if place in versions else _version(connection, *place)
        sqlite_state.require(put, version)
        versions[place] = version + 1
        rows.append((_key(*place), bytes(put.value), [("entry", f"{put.at} {version + 1}".encode())]))
    for place in deletes:
        if versions.get(place) or _version(connection, *place):
            rows.append((_key(*place), None, []))
    return rows


def _version(connection: sqlite3.Connection, space: str, key: str) -> int:
    found = connection.execute("SELECT version FROM entries WHERE space = ? AND key = ?", (space, key)).fetchone()
    return int(found[0]) if found else 0


def _key(space: str, key: str) -> bytes:
    if not space or "/" in space:
        raise BackboneError(f"A space is named without / on Kafka, and not {space!r}; rename it.")
    return f"{space}/{key}".encode("utf-8", "surrogateescape")


def cursor(group: str, topic: str, offset: int) -> Row:
    return f"{_CURSOR}{group}/{topic}".encode(), str(offset).encode(), []


def change(record: Any) -> Change:
    """aiokafka's ConsumerRecord as a Change."""
    return Change(record.offset, record.key or b"", record.value, dict(record.headers).get("entry", b""))


def _apply(connection: sqlite3.Connection, changes: Iterable[Change], now: Micros | None) -> None:
    start = following = connection.execute("SELECT next FROM applied").fetchone()[0]
    for one in changes:
        if one.offset >= start:  # a second process on this file may have been first
            _take(connection, one)
            following = one.offset + 1
    if following > start:
        connection.execute("UPDATE applied SET next = ?", (following,))
    if now is not None:
        connection.execute("UPDATE applied SET at = ?", (now,))


def _take(connection: sqlite3.Connection, one: Change) -> None:
    space, _, key = one.key.decode("utf-8", "surrogateescape").partition("/")
    if space:
        _entry(connection, space, key, one)
    elif one.key == COMMIT:
        connection.execute("UPDATE applied SET last = ?", ((one.value or b"").decode(),))
    elif one.key.startswith(_CURSOR.encode()):
        group, _, topic = key.removeprefix("cursor/").partition("/")
        topics.commit(connection, group, topic, int(one.value or b"0"))


def _entry(connection: sqlite3.Connection, space: str, key: str, one: Change) -> None:
    if one.value is None:
        connection.execute("DELETE FROM entries WHERE space = ? AND key = ?", (space, key))
        return
    try:
        at, version = map(int, one.mark.split())
    except ValueError as error:
        raise CorruptError(
            f"The record at offset {one.offset + 1} of the state topic ({space}/{key}) has no entry mark: another program "
            "wrote it; delete that key from the topic."
        ) from error
    connection.execute(
        "INSERT INTO entries(space, key, at, version, change, value) VALUES(?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(space, key) DO UPDATE SET at = excluded.at, version = excluded.version, change = excluded.change,"
        " value = excluded.value",
        (space, key, at, version, one.offset + 1, one.value),
    )
