"""A StateStore in memory: deterministic, for tests. ``bus`` holds the topics its commits append to."""

import asyncio
from collections.abc import AsyncIterator

from backbone.memory_bus import MemoryBus
from backbone.ports import Clock, Commit, Entry, Put
from model import ConflictError, Micros


class MemoryState:
    """Entries as dictionaries. Commits are atomic because nothing awaits within one."""

    def __init__(self, clock: Clock, bus: MemoryBus | None = None) -> None:
        self.bus = bus or MemoryBus(clock)
        self._spaces: dict[str, dict[str, Entry]] = {}
        self._change = 0
        self._changed: set[asyncio.Future[None]] = set()

    async def get(self, space: str, key: str) -> Entry | None:
        return self._spaces.get(space, {}).get(key)

    async def newest(
        self, space: str, *, before: tuple[Micros, str] | None = None, since: Micros = 0, limit: int = 100
    ) -> list[Entry]:
        entries = [
            e for e in self._spaces.get(space, {}).values() if e.at >= since and (before is None or (e.at, e.key) < before)
        ]
        return sorted(entries, key=lambda e: (e.at, e.key), reverse=True)[:limit]

    async def scan(self, space: str) -> AsyncIterator[Entry]:
        return _each(sorted(self._spaces.get(space, {}).values(), key=lambda e: e.key))

    async def count(self, space: str) -> int:
        return len(self._spaces.get(space, {}))

    async def changes(self, space: str, after: int, limit: int, wait: float = 0.0) -> list[Entry]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while not (found := self._changes(space, after)) and (left := deadline - loop.time()) > 0:
            changed = loop.create_future()
            self._changed.add(changed)
            await asyncio.wait([changed], timeout=left)
            self._changed.discard(changed)
        return found[:limit]

    def _changes(self, space: str, after: int) -> list[Entry]:
        return sorted((e for e in self._spaces.get(space, {}).values() if e.change > after), key=lambda e: e.change)

    async def commit(self, commit: Commit) -> None:
        written = self._check(commit.puts)
        self.bus.require_room(sum(len(value) for _, _, value in commit.appends))
        for space, entries in written.items():
            self._spaces.setdefault(space, {}).update(entries)
        if commit.puts:
            self._change = max(e.change for entries in written.values() for e in entries.values())
        for space, key in commit.deletes:
            self._spaces.get(space, {}).pop(key, None)
        for topic, key, value in commit.appends:
            self.bus.append_now(topic, [(key, value)])
        for group, topic, offset in commit.cursors:
            self.bus.commit_now(group, topic, offset)
        waiting, self._changed = self._changed, set()
        for future in waiting:
            if not future.done():
                future.get_loop().call_soon_threadsafe(_wake, future)

    def _check(self, puts: tuple[Put, ...]) -> dict[str, dict[str, Entry]]:
        """The entries as they will be; ConflictError when an expectation does not hold."""
        written: dict[str, dict[str, Entry]] = {}
        change = self._change
        for put in puts:
            old = written.get(put.space, {}).get(put.key) or self._spaces.get(put.space, {}).get(put.key)
            version = old.version if old else 0
            if put.expect is not None and put.expect != version:
                raise ConflictError(
                    f"Entry {put.space}/{put.key} has version {version}, not {put.expect}; read it again and repeat the change."
                )
            change += 1
            written.setdefault(put.space, {})[put.key] = Entry(put.key, bytes(put.value), put.at, version + 1, change)
        return written

    async def position(self, group: str, topic: str) -> int:
        return await self.bus.position(group, topic)

    async def close(self) -> None:
        """Nothing to close; the contents stay readable for the test that looks at them."""


async def _each(entries: list[Entry]) -> AsyncIterator[Entry]:
    for entry in entries:
        yield entry


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
