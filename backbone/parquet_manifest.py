"""What the event store has: its segments, how far it has come, and the chain that shows tampering.

``manifest.db`` is the truth: a Parquet file it does not name does not exist for us. The chain has one row a change: segments
added, merged into a larger one, removed by retention; each row's hash covers the row before it, and each segment's row has
the SHA-256 of its file. ``verify`` reads it all again. It shows a change made to files or to some rows; who can rewrite the
whole chain can only be caught by a hash kept elsewhere (``head``).
"""

import hashlib
from pathlib import Path
from sqlite3 import Connection
from typing import Final, TypeAlias

import msgspec

from backbone.ports import Clock
from backbone.sqlite_file import SqliteFile
from model import Micros

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS chain(seq INTEGER PRIMARY KEY, body BLOB NOT NULL, hash TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS segments(file TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS gone(file TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS durable(last INTEGER NOT NULL)",
    "INSERT INTO durable SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM durable)",
)
_FIRST: Final = "0" * 64


class Segment(msgspec.Struct, frozen=True):
    """One immutable file. ``file`` is its path within the store's folder.

    ``first``/``last`` are offsets, ``oldest``/``newest`` event times, all inclusive. ``kept`` is the newest time as retention
    sees it: the earlier of an event's own time and its arrival, so that a clock in the future keeps nothing for ever.
    ``listed`` are the promoted fields that are a list in some event.
    """

    file: str
    sha256: str
    size: int
    events: int
    first: int
    last: int
    oldest: Micros
    newest: Micros
    kept: Micros
    systems: tuple[str, ...]
    listed: tuple[str, ...] = ()


class Added(msgspec.Struct, frozen=True, tag="added"):
    """New events were written out."""

    at: Micros
    segments: tuple[Segment, ...]


class Merged(msgspec.Struct, frozen=True, tag="merged"):
    """``segment`` holds exactly the events of the files it replaces."""

    at: Micros
    segment: Segment
    replaces: tuple[str, ...]


class Removed(msgspec.Struct, frozen=True, tag="removed"):
    """Retention removed these files with ``events`` events."""

    at: Micros
    files: tuple[str, ...]
    events: int


Change: TypeAlias = Added | Merged | Removed
_change: Final = msgspec.json.Decoder(Change)
_segment: Final = msgspec.json.Decoder(Segment)


class Snapshot(msgspec.Struct, frozen=True):
    """What is there at one moment: segments newest first, and the offset up to which events are in them."""

    segments: tuple[Segment, ...] = ()
    durable: int = 0


class Manifest:
    """Use ``await Manifest.open(folder, clock)``."""

    def __init__(self, folder: Path, file: SqliteFile, clock: Clock) -> None:
        self._folder = folder
        self._file = file
        self._clock = clock
        self._known: tuple[int, Snapshot] | None = None

    @classmethod
    async def open(cls, folder: Path, clock: Clock) -> "Manifest":
        return cls(folder, await SqliteFile.open(folder / "manifest.db", SCHEMA), clock)

    async def snapshot(self) -> Snapshot:
        """The newest state; read again only when somebody changed it."""
        mark = self._file.mark()
        if self._known is None or self._known[0] != mark:
            self._known = (mark, await self._file.read(_snapshot))
        return self._known[1]

    async def add(self, segments: tuple[Segment, ...], durable: int) -> None:
        """Name new segments and move the durable offset, in one commit."""

        def step(connection: Connection) -> None:
            self._enter(connection, Added(self._clock.now(), segments))
            connection.execute("UPDATE durable SET last = ?", (durable,))

        await self._file.write(step)

    async def merge(self, segment: Segment, replaces: tuple[str, ...]) -> None:
        await self._file.write(lambda c: self._enter(c, Merged(self._clock.now(), segment, replaces)))

    async def remove(self, segments: tuple[Segment, ...]) -> None:
        files, events = tuple(s.file for s in segments), sum(s.events for s in segments)
        await self._file.write(lambda c: self._enter(c, Removed(self._clock.now(), files, events)))

    def _enter(self, connection: Connection, change: Change) -> None:
        body = msgspec.json.encode(change)
        last = connection.execute("SELECT seq, hash FROM chain ORDER BY seq DESC LIMIT 1").fetchone() or (0, _FIRST)
        connection.execute("INSERT INTO chain VALUES(?, ?, ?)", (last[0] + 1, body, chained(last[1], body)))
        added, gone = _effect(change)
        connection.executemany("INSERT INTO segments VALUES(?, ?)", [(s.file, msgspec.json.encode(s)) for s in added])
        connection.executemany("DELETE FROM segments WHERE file = ?", [(file,) for file in gone])
        connection.executemany("INSERT INTO gone VALUES(?, ?)", [(file, change.at) for file in gone])

    async def gone(self, before: Micros) -> list[str]:
        """Files no longer named since before ``before``: no search can still be reading them."""
        return await self._file.read(lambda c: [row[0] for row in c.execute("SELECT file FROM gone WHERE at <= ?", (before,))])

    async def forget(self, files: list[str]) -> None:
        """The files were removed from the disk."""
        if files:
            await self._file.write(lambda c: c.executemany("DELETE FROM gone WHERE file = ?", [(f,) for f in files]) and None)

    async def named(self) -> set[str]:
        """Every file that may be on the disk: segments, and files that are gone but not yet removed."""
        return await self._file.read(
            lambda c: {row[0] for row in c.execute("SELECT file FROM segments UNION SELECT file FROM gone")}
        )

    async def head(self) -> tuple[int, str]:
        """(rows, hash of the last) of the chain: what to keep elsewhere as proof."""
        return await self._file.read(
            lambda c: c.execute("SELECT seq, hash FROM chain ORDER BY seq DESC LIMIT 1").fetchone() or (0, _FIRST)
        )

    async def verify(self) -> list[str]:
        """Read chain and files again; one sentence for each thing that is not as it was written. Takes seconds a gigabyte."""
        return await self._file.read(self._verify)

    def _verify(self, connection: Connection) -> list[str]:
        connection.execute("BEGIN")
        try:
            rows = connection.execute("SELECT seq, CAST(body AS BLOB), hash FROM chain ORDER BY seq").fetchall()
            named = {row[0]: _segment.decode(row[1]) for row in connection.execute("SELECT file, body FROM segments")}
        finally:
            connection.execute("COMMIT")
        problems, live = _walk(rows)
        problems += [f"{file} is in the list of segments but not in the chain." for file in sorted(named.keys() - live.keys())]
        problems += [f"{file} is in the chain but not in the list of segments." for file in sorted(live.keys() - named.keys())]
        for file, segment in sorted(live.items()):
            if named.get(file, segment) != segment:
                problems.append(f"{file} is described otherwise in the list of segments than in the chain.")
            if problem := _check(self._folder / file, segment):
                problems.append(problem)
        return problems

    async def close(self) -> None:
        await self._file.close()


def chained(previous: str, body: bytes) -> str:
    """Hash of a row: SHA-256 over the hash before it and its body, hexadecimal."""
    return hashlib.sha256(previous.encode() + body).hexdigest()


def _effect(change: Change) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
    match change:
        case Added():
            return change.segments, ()
        case Merged():
            return (change.segment,), change.replaces
        case Removed():
            return (), change.files


def _snapshot(connection: Connection) -> Snapshot:
    connection.execute("BEGIN")
    try:
        segments = [_segment.decode(row[0]) for row in connection.execute("SELECT body FROM segments")]
        durable = connection.execute("SELECT last FROM durable").fetchone()[0]
    finally:
        connection.execute("COMMIT")
    return Snapshot(tuple(sorted(segments, key=lambda s: (s.newest, s.last), reverse=True)), durable)


def _walk(rows: list[tuple[int, bytes, str]]) -> tuple[list[str], dict[str, Segment]]:
    """(problems, live segments) of the chain itself."""
    problems: list[str] = []
    live: dict[str, Segment] = {}
    previous = _FIRST
    for place, (seq, body, hash_) in enumerate(rows, 1):
        if seq != place:
            problems.append(f"Row {place} of the chain is missing.")
            break
        if chained(previous, body) != hash_:
            problems.append(f"Row {seq} of the chain was changed, or one before it.")
        previous = hash_
        try:
            change = _change.decode(body)
        except msgspec.DecodeError:
            problems.append(f"Row {seq} of the chain cannot be read.")
            continue
        added, gone = _effect(change)
        if isinstance(change, Merged) and sum(live[f].events for f in gone if f in live) != change.segment.events:
            problems.append(f"Row {seq} of the chain merges segments into one with another number of events.")
        for file in gone:
            if live.pop(file, None) is None:
                problems.append(f"Row {seq} of the chain drops {file}, which was never there.")
        live |= {segment.file: segment for segment in added}
    return problems, live


def _check(path: Path, segment: Segment) -> str:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"{segment.file} cannot be read ({error.strerror})."
    return "" if digest == segment.sha256 else f"{segment.file} is not the file that was written: its SHA-256 differs."
