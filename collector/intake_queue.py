"""What waits to be made durable: bounded in bytes and records, first in first out."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from model import RawRecord

OVERHEAD: Final = 256
"""Bytes counted for a record beyond its data: the objects around it."""


class Entry:
    """One ``take`` or ``offer``: records of one source. ``done`` is resolved when durable; None for an offer."""

    __slots__ = ("checkpoints", "done", "records", "size")

    def __init__(
        self, records: Sequence[RawRecord], checkpoints: Mapping[str, bytes], done: asyncio.Future[None] | None = None
    ) -> None:
        self.records = records
        self.checkpoints = checkpoints
        self.done = done
        self.size = sum(len(r.data) for r in records) + OVERHEAD * len(records)


class Queue:
    """Entries waiting and in hand. Room is given back by ``release``, when an entry is durable or refused."""

    def __init__(self, max_bytes: int, max_records: int) -> None:
        self.bytes = 0
        self.records = 0
        self._max_bytes = max_bytes
        self._max_records = max_records
        self._waiting: deque[Entry] = deque()
        self._door = asyncio.Lock()
        self._room = asyncio.Event()
        self.arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def fits(self, size: int, records: int) -> bool:
        """Whether so much more may come in. Anything fits into an empty queue."""
        return not self.records or (self.bytes + size <= self._max_bytes and self.records + records <= self._max_records)

    def prefix(self, records: Sequence[RawRecord]) -> int:
        """How many of ``records``, from the first, fit now."""
        size, count = 0, 0
        for record in records:
            size += len(record.data) + OVERHEAD
            if not self.fits(size, count + 1):
                break
            count += 1
        return count

    async def put(self, entry: Entry) -> None:
        """Wait in line for room, then add."""
        async with self._door:
            while not self.fits(entry.size, len(entry.records)):
                self._room.clear()
                await self._room.wait()
            self.add(entry)

    def add(self, entry: Entry) -> None:
        self.bytes += entry.size
        self.records += len(entry.records)
        self._waiting.append(entry)
        self.arrived.set()

    def next(self, max_records: int, max_bytes: int) -> list[Entry]:
        """The oldest entries, up to these sums but at least one; they still take their room."""
        taken: list[Entry] = []
        records = size = 0
        while self._waiting:
            entry = self._waiting[0]
            if taken and (records + len(entry.records) > max_records or size + entry.size > max_bytes):
                break
            records += len(entry.records)
            size += entry.size
            taken.append(self._waiting.popleft())
        if not self._waiting:
            self.arrived.clear()
        return taken

    def put_back(self, entries: Sequence[Entry]) -> None:
        """In front again, in the same order."""
        self._waiting.extendleft(reversed(entries))
        if entries:
            self.arrived.set()

    def release(self, entry: Entry) -> None:
        self.bytes -= entry.size
        self.records -= len(entry.records)
        self._room.set()
