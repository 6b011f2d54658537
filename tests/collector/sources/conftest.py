"""A stand-in for the intake, and a source run beside a test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from collector.sources.source import Source
from model import FullError, RawRecord


class Inlet:
    """Keeps what it takes, records and checkpoints together; slow, full or small when told."""

    def __init__(self) -> None:
        self.records: list[RawRecord] = []
        self.checkpoints: dict[str, bytes] = {}
        self.delay = 0.0
        self.full = 0
        self.room = 10**9
        self.takes = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def take(self, records: Sequence[RawRecord], checkpoints: Mapping[str, bytes]) -> None:
        await self.gate.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.full:
            self.full -= 1
            raise FullError("full")
        self.takes += 1
        self.records += records
        self.checkpoints.update(checkpoints)

    def offer(self, records: Sequence[RawRecord]) -> int:
        accepted = min(self.room, len(records))
        self.room -= accepted
        self.records += records[:accepted]
        return accepted

    @property
    def lines(self) -> list[bytes]:
        return [r.data for r in self.records]

    async def until(self, count: int, seconds: float = 5.0) -> list[bytes]:
        """Wait until ``count`` records are there."""
        async with asyncio.timeout(seconds):
            while len(self.records) < count:
                await asyncio.sleep(0.005)
        return self.lines


Running = Callable[[Source], AbstractAsyncContextManager[None]]


@pytest.fixture
def inlet() -> Inlet:
    return Inlet()


@pytest.fixture
def running() -> Running:
    @asynccontextmanager
    async def run(source: Source) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(source.run(stop))
        ready = getattr(source, "ready", None)
        if ready is not None:
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if task.done():
                task.result()
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 15)

    return run
