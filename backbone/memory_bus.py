"""A Bus in memory: deterministic, for tests and for `scan`. Nothing outlives the process."""

import asyncio
from collections.abc import Mapping, Sequence

from backbone.ports import Clock, Record
from model import FullError, Micros


class MemoryBus:
    """Topics as lists. ``max_bytes`` bounds the values kept in all topics together (0: no bound), then FullError."""

    def __init__(self, clock: Clock, max_bytes: int = 0) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._bytes = 0
        self._records: dict[str, list[Record]] = {}
        self._ends: dict[str, int] = {}
        self._positions: dict[tuple[str, str], int] = {}
        self._checkpoints: dict[str, tuple[bytes, Micros]] = {}
        self._grown: set[asyncio.Future[None]] = set()

    async def append(
        self, topic: str, records: Sequence[tuple[str, bytes]], checkpoints: Mapping[str, bytes] | None = None
    ) -> int:
        self.require_room(sum(len(value) for _, value in records))
        self.append_now(topic, records)
        at = self._clock.now()
        for name, value in (checkpoints or {}).items():
            self._checkpoints[name] = (value, at)
        return self._ends.get(topic, 0)

    def require_room(self, size: int) -> None:
        """FullError when ``size`` more bytes do not fit."""
        if self._max_bytes and self._bytes + size > self._max_bytes:
            raise FullError(f"The memory log is full ({self._bytes} of {self._max_bytes} bytes); trim it or raise max_bytes.")

    def append_now(self, topic: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Append without waiting or asking for room; ``MemoryState.commit`` does it in one step with its entries."""
        at, end, kept = self._clock.now(), self._ends.get(topic, 0), self._records.setdefault(topic, [])
        for key, value in records:
            end += 1
            kept.append(Record(end, key, bytes(value), at))
            self._bytes += len(value)
        self._ends[topic] = end
        waiting, self._grown = self._grown, set()
        for future in waiting:
            if not future.done():
                future.get_loop().call_soon_threadsafe(_wake, future)

    async def read(self, topic: str, after: int, limit: int, wait: float = 0.0) -> list[Record]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while self._ends.get(topic, 0) <= after and (left := deadline - loop.time()) > 0:
            grown = loop.create_future()
            self._grown.add(grown)
            await asyncio.wait([grown], timeout=left)
            self._grown.discard(grown)
        kept = self._records.get(topic, [])
        start = max(0, after + 1 - kept[0].offset) if kept else 0
        return kept[start : start + limit]

    async def end(self, topic: str) -> int:
        return self._ends.get(topic, 0)

    async def position(self, group: str, topic: str) -> int:
        return self._positions.get((group, topic), 0)

    async def commit(self, group: str, topic: str, offset: int) -> None:
        self.commit_now(group, topic, offset)

    def commit_now(self, group: str, topic: str, offset: int) -> None:
        self._positions[group, topic] = max(offset, self._positions.get((group, topic), 0))

    async def checkpoint(self, name: str) -> bytes | None:
        return self._checkpoints.get(name, (None, 0))[0]

    async def forget(self, prefix: str, before: Micros) -> int:
        old = [name for name, (_, at) in self._checkpoints.items() if name.startswith(prefix) and at < before]
        for name in old:
            del self._checkpoints[name]
        return len(old)

    async def trim(self, topic: str, groups: Sequence[str]) -> int:
        done = min((self._positions.get((group, topic), 0) for group in groups), default=0)
        kept = self._records.get(topic, [])
        dropped = [r for r in kept if r.offset <= done]
        self._records[topic] = kept[len(dropped) :]
        self._bytes -= sum(len(r.value) for r in dropped)
        return len(dropped)

    async def close(self) -> None:
        """Nothing to close; the contents stay readable for the test that looks at them."""


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
