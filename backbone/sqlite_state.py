"""A StateStore in one SQLite file, safe to use from several processes at once.

Its ``bus`` keeps topics in the same file, so that a Commit's entries, cursors and appended records are one transaction.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Final

from backbone import sqlite_topics as topics
from backbone.ports import Clock, Commit, Entry, Put
from backbone.sqlite_file import SqliteFile
from backbone.sqlite_log import SqliteLog
from model import ConflictError, Micros

SCHEMA: Final = (
    *topics.SCHEMA,
    "CREATE TABLE IF NOT EXISTS entries(space TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, version INTEGER NOT NULL,"
    " change INTEGER NOT NULL, value BLOB NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS entry ON entries(space, key)",
    "CREATE INDEX IF NOT EXISTS newest ON entries(space, at, key)",
    "CREATE UNIQUE INDEX IF NOT EXISTS changes ON entries(space, change)",
    "CREATE TABLE IF NOT EXISTS changed(last INTEGER NOT NULL)",
    "INSERT INTO changed SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM changed)",
)
_PAGE: Final = 500
_LAST: Final = 2**62


class SqliteState:
    """Use ``await SqliteState.open(path, clock)``."""

    def __init__(self, file: SqliteFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self.bus = SqliteLog(file, clock, shared=True)

    @classmethod
    async def open(cls, path: Path, clock: Clock, max_bytes: int = 0) -> "SqliteState":
        """Open or make the store. ``max_bytes`` bounds the file (0: the disk does); beyond it commits raise FullError."""
        return cls(await SqliteFile.open(path, SCHEMA, max_bytes), clock)

    async def get(self, space: str, key: str) -> Entry | None:
        found = await self._entries(
            "SELECT key, value, at, version, change FROM entries WHERE space = ? AND key = ?", (space, key)
        )
        return found[0] if found else None

    async def newest(
        self, space: str, *, before: tuple[Micros, str] | None = None, since: Micros = 0, limit: int = 100
    ) -> list[Entry]:
        at, key = before or (_LAST, "")
        return await self._entries(
            "SELECT key, value, at, version, change FROM entries"
            " WHERE space = ? AND at >= ? AND (at, key) < (?, ?) ORDER BY at DESC, key DESC LIMIT ?",
            (space, since, at, key, limit),
        )

    async def scan(self, space: str) -> AsyncIterator[Entry]:
        return self._each(space)

    async def _each(self, space: str) -> AsyncIterator[Entry]:
        after, first = "", True
        while page := await self._entries(
            "SELECT key, value, at, version, change FROM entries WHERE space = ? AND (key > ? OR ?) ORDER BY key LIMIT ?",
            (space, after, first, _PAGE),
        ):
            for entry in page:
                yield entry
            after, first = page[-1].key, False

    async def count(self, space: str) -> int:
        return await self._file.read(
            lambda c: int(c.execute("SELECT count(*) FROM entries WHERE space = ?", (space,)).fetchone()[0])
        )

    async def changes(self, space: str, after: int, limit: int, wait: float = 0.0) -> list[Entry]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            mark = self._file.mark()
            found = await self._entries(
                "SELECT key, value, at, version, change FROM entries WHERE space = ? AND change > ? ORDER BY change LIMIT ?",
                (space, after, limit),
            )
            left = deadline - loop.time()
            if found or left <= 0:
                return found
            await self._file.moved(mark, left)

    async def _entries(self, ask: str, values: tuple[Any, ...]) -> list[Entry]:
        return await self._file.read(lambda c: [Entry(*row) for row in c.execute(ask, values)])

    async def commit(self, commit: Commit) -> None:
        await self._file.write(lambda c: self._write(c, commit))

    def _write(self, connection: Connection, commit: Commit) -> None:
        if commit.puts:
            change = connection.execute("SELECT last FROM changed").fetchone()[0]
            for change, put in enumerate(commit.puts, change + 1):  # noqa: B020  # the last one is kept
                _put(connection, put, change)
            connection.execute("UPDATE changed SET last = ?", (change,))
        connection.executemany("DELETE FROM entries WHERE space = ? AND key = ?", commit.deletes)
        by_topic: dict[str, list[tuple[str, bytes]]] = {}
        for topic, key, value in commit.appends:
            by_topic.setdefault(topic, []).append((key, value))
        for topic, records in by_topic.items():
            topics.append(connection, topic, topics.pack(records), self._clock.now())
        for group, topic, offset in commit.cursors:
            topics.commit(connection, group, topic, offset)

    async def position(self, group: str, topic: str) -> int:
        return await self.bus.position(group, topic)

    async def close(self) -> None:
        await self._file.close()


def require(put: Put, version: int) -> None:
    """ConflictError when ``put`` expects another version than the one there is."""
    if put.expect is not None and version != put.expect:
        raise ConflictError(
            f"Entry {put.space}/{put.key} has version {version}, not {put.expect}; read it again and repeat the change."
        )


def _put(connection: Connection, put: Put, change: int) -> None:
    if put.expect is not None:
        found = connection.execute("SELECT version FROM entries WHERE space = ? AND key = ?", (put.space, put.key)).fetchone()
        require(put, found[0] if found else 0)
    connection.execute(
        "INSERT INTO entries(space, key, at, version, change, value) VALUES(?, ?, ?, 1, ?, ?)"
        " ON CONFLICT(space, key) DO UPDATE SET at = excluded.at, version = version + 1, change = excluded.change,"
        " value = excluded.value",
        (put.space, put.key, put.at, change, put.value),
    )
