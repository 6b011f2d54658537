"""An EventStore in memory: a list, and ``query.holds`` on each event. The reference other stores are compared with."""

import time
from collections.abc import Mapping, Sequence

from backbone.paging import bucket_edges, page_limit, read_place, write_place
from backbone.ports import Found, Search, Stored
from backbone.query import holds, parse
from model import Micros


class MemoryEvents:
    """Events of tests. Durable as soon as taken, as far as memory can be."""

    def __init__(self) -> None:
        self._events: list[Stored] = []
        self._durable = 0

    async def resume(self) -> int | None:
        return self._durable

    async def write(self, events: Sequence[Stored]) -> int:
        for stored in events:
            if stored.offset > self._durable:
                self._events.append(stored)
                self._durable = stored.offset
        return self._durable

    async def flush(self) -> int:
        return self._durable

    async def search(self, search: Search) -> Found:
        began = time.perf_counter()
        before = read_place(search.after)
        held, searched = self._held(search)
        held.sort(key=_place, reverse=True)
        rest = held if before is None else [s for s in held if _place(s) < before]
        page = tuple(rest[: page_limit(search)])
        more = len(rest) > len(page) and page
        next_ = write_place(*_place(page[-1])) if more else ""
        return Found(page, len(held), searched, time.perf_counter() - began, next_)

    async def get(self, event: str) -> Stored | None:
        return next((s for s in self._events if s.event.id == event), None)

    async def histogram(self, search: Search, buckets: int) -> list[tuple[Micros, int]]:
        edges = bucket_edges(search, buckets)
        counts = [0] * buckets
        for stored in self._held(search)[0]:
            counts[(stored.event.happened_at - search.since) * buckets // (search.until - search.since)] += 1
        return list(zip(edges, counts, strict=True))

    def _held(self, search: Search) -> tuple[list[Stored], int]:
        node = parse(search.text)
        within = [s for s in self._events if search.since <= s.event.happened_at < search.until]
        return [s for s in within if holds(node, s.event)], len(within)

    async def expire(self, before: Mapping[str, Micros]) -> int:
        oldest = [before.get(s.event.system, before.get("", -(2**62))) for s in self._events]
        kept = [s for s, limit in zip(self._events, oldest, strict=True) if _age(s) >= limit]
        dropped = len(self._events) - len(kept)
        self._events = kept
        return dropped

    async def close(self) -> None:
        """Nothing to close; the contents stay readable for the test that looks at them."""


def _place(stored: Stored) -> tuple[Micros, int]:
    return stored.event.happened_at, stored.offset


def _age(stored: Stored) -> Micros:
    """The event's time as retention sees it: a clock in the future must not keep an event for ever."""
    return min(stored.event.happened_at, stored.event.received_at)
