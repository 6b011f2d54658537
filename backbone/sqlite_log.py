"""A Bus in one SQLite file: durable, any number of appenders and readers, in this process and in others.

Appends of many callers that wait at the same time are one commit. ``docs/decisions/log.md`` has the measurements.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from backbone import sqlite_topics as topics
from backbone.ports import Clock, Record
from backbone.reserve import Reserve
from backbone.sqlite_file import SqliteFile
from model import FullError, Micros

_INLINE: Final = 32
_TRIM_ROWS: Final = 200


class SqliteLog:
    """Use ``await SqliteLog.open(path, clock)``. Of a ``SqliteState`` it is ``state.bus``, over the state's own file."""

    def __init__(self, file: SqliteFile, clock: Clock, shared: bool = False, reserve: Reserve | None = None) -> None:
        self._file = file
        self._clock = clock
        self._shared = shared
        self._reserve = reserve
        self._unpacked = topics.Unpacked(file.path)

    @classmethod
    async def open(cls, path: Path, clock: Clock, max_bytes: int = 0, reserve: int = 0) -> "SqliteLog":
        """Open or make the log. ``max_bytes`` bounds the file (0: the disk does); beyond it appends raise FullError.

        ``reserve`` (0: none) is for who appends what others store: records are refused while less is free on the disk.
        """
        file = await SqliteFile.open(path, topics.SCHEMA, max_bytes)
        return cls(file, clock, reserve=Reserve(path, reserve) if reserve else None)

    @property
    def refusing(self) -> str:
        """Why records are refused for the reserve's sake; empty while they are not."""
        return self._reserve.refusing if self._reserve else ""

    async def append(
        self, topic: str, records: Sequence[tuple[str, bytes]], checkpoints: Mapping[str, bytes] | None = None
    ) -> int:
        batches = topics.pack(records) if len(records) <= _INLINE else await asyncio.to_thread(topics.pack, records)

        def step(connection: Connection) -> int:
            if self._reserve and batches:
                self._reserve.admit(connection, sum(len(b.packed) for b in batches))
            at = self._clock.now()
            if checkpoints:
                topics.write_checkpoints(connection, checkpoints, at)
            return topics.append(connection, topic, batches, at) if batches else topics.end(connection, topic)

        return await self._file.write(step)

    async def read(self, topic: str, after: int, limit: int, wait: float = 0.0) -> list[Record]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            mark = self._file.mark()
            found = await self._file.read(lambda c: topics.read(c, self._unpacked, topic, after, limit))
            left = deadline - loop.time()
            if found or left <= 0:
                return found
            await self._file.moved(mark, left)

    async def end(self, topic: str) -> int:
        return await self._file.read(lambda c: topics.end(c, topic))

    async def position(self, group: str, topic: str) -> int:
        return await self._file.read(lambda c: topics.position(c, group, topic))

    async def commit(self, group: str, topic: str, offset: int) -> None:
        await self._file.write(lambda c: topics.commit(c, group, topic, offset))

    async def checkpoint(self, name: str) -> bytes | None:
        return await self._file.read(lambda c: topics.checkpoint(c, name))

    async def forget(self, prefix: str, before: Micros) -> int:
        return await self._file.write(lambda c: topics.forget(c, prefix, before))

    async def trim(self, topic: str, groups: Sequence[str]) -> int:
        dropped, more = 0, True
        while more:
            # In small commits, so that appenders wait for none of them long.
            count, more = await self._file.write(lambda c: topics.trim(c, topic, groups, _TRIM_ROWS))
            dropped += count
        if self._reserve:
            await self._give_back(self._reserve)
        return dropped

    async def _give_back(self, reserve: Reserve) -> None:
        """Trimmed pages stay in the file; when the disk is short of room and the log nearly empty, the disk gets them."""
        await self._file.write(reserve.look)
        if reserve.wants_pages_back():
            with contextlib.suppress(FullError):
                await self._file.shrink()
            await self._file.write(reserve.look)

    async def close(self) -> None:
        if not self._shared:
            await self._file.close()
