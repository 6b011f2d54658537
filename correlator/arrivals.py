"""Topic ``events``, read and decoded once for all loops of this process that follow it.

The batches decoded last are kept, within bounds. A loop so far ahead that another one would find its next batch gone waits for it
a little: what both take while it is kept costs half. One that is stuck (a full disk) costs the others that little, no more.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from backbone.codec import decode_event
from backbone.ports import Bus, Record
from model import Event, Micros

TOPIC: Final = "events"
KEPT_RECORDS: Final = 3_000
KEPT_BYTES: Final = 32 << 20
"""What is kept of batches decoded, in records and in bytes as they were encoded."""
PATIENCE: Final = 0.05
"""Seconds a loop waits for one behind it, for each batch."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """An event at its place in the log; or the record that is none, and why."""

    offset: int
    appended_at: Micros
    event: Event | None = None
    refused: Record | None = None
    problem: str = ""


class _Batch(msgspec.Struct, frozen=True):
    first: int
    last: int
    size: int
    arrivals: Sequence[Arrival]


class Arrivals:
    """Use one for all loops. ``wait`` is seconds to wait for the first record.

    ``batch`` records are read at once; much larger ones do not stay in the processor's cache, and cost more.
    """

    def __init__(self, bus: Bus, *, batch: int = 1_000, wait: float = 0.2) -> None:
        self._bus, self.batch, self._wait = bus, batch, wait
        self._kept: deque[_Batch] = deque()
        self._reading: dict[int, asyncio.Task[Sequence[Arrival]]] = {}
        self._places: dict[str, int] = {}
        self._moved = asyncio.Event()

    async def read(self, reader: str, after: int) -> Sequence[Arrival]:
        """The next records after offset ``after``, in order, for the loop ``reader``; empty when none came for ``wait``."""
        self._places[reader] = after
        self._moved.set()
        if found := self._find(after):
            return found
        await self._let_catch_up(reader, after)
        if found := self._find(after):
            return found
        task = self._reading.get(after)
        if task is None:
            task = self._reading[after] = asyncio.create_task(self._read(after))
            task.add_done_callback(lambda _: self._reading.pop(after, None))
        return await asyncio.shield(task)

    def leave(self, reader: str) -> None:
        """Nobody needs to wait for ``reader`` any more."""
        self._places.pop(reader, None)
        self._moved.set()

    def _find(self, after: int) -> Sequence[Arrival]:
        for batch in self._kept:
            if batch.first <= after + 1 <= batch.last:
                return batch.arrivals if batch.first == after + 1 else batch.arrivals[after + 1 - batch.first :]
        return ()

    async def _let_catch_up(self, reader: str, after: int) -> None:
        """Reading on drops the oldest batch: wait for who still needs it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while (left := deadline - loop.time()) > 0 and self._crowded() and self._needed(reader):
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()

    def _crowded(self) -> bool:
        """No room for another whole batch."""
        records = sum(len(batch.arrivals) for batch in self._kept)
        return records + self.batch > KEPT_RECORDS or sum(batch.size for batch in self._kept) > KEPT_BYTES // 2

    def _needed(self, reader: str) -> bool:
        oldest = self._kept[0]
        return any(oldest.first <= place + 1 <= oldest.last for name, place in self._places.items() if name != reader)

    async def _read(self, after: int) -> Sequence[Arrival]:
        records = await self._bus.read(TOPIC, after, self.batch, self._wait)
        if not records:
            return ()
        arrivals = [_decoded(record) for record in records]
        self._keep(_Batch(records[0].offset, records[-1].offset, sum(len(r.value) for r in records), arrivals))
        return arrivals

    def _keep(self, batch: _Batch) -> None:
        if batch.last - batch.first + 1 != len(batch.arrivals):  # a gap: nothing may be found by its place in the list
            return
        self._kept.append(batch)
        records = sum(len(kept.arrivals) for kept in self._kept)
        size = sum(kept.size for kept in self._kept)
        while len(self._kept) > 1 and (records > KEPT_RECORDS or size > KEPT_BYTES):
            gone = self._kept.popleft()
            records -= len(gone.arrivals)
            size -= gone.size


def _decoded(record: Record) -> Arrival:
    try:
        return Arrival(record.offset, record.appended_at, decode_event(record.value))
    except (msgspec.DecodeError, ValueError) as error:
        return Arrival(record.offset, record.appended_at, None, record, str(error))
