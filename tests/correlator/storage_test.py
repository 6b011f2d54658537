"""Every event of the log reaches the store once, whatever happens."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import pytest

from backbone.clock import ManualClock
from backbone.codec import encode
from backbone.memory_bus import MemoryBus
from backbone.memory_events import MemoryEvents
from backbone.ports import Search, Stored
from backbone.signals import MemorySignals
from correlator.storage import MONTH, Store, keep_for
from model import CorruptError, Event, FullError, Micros


class Slow(MemoryEvents):
    """Holds what it takes until flushed, as a store with segments does; may have no room; knows or does not know its offset."""

    def __init__(self, knows: bool = True) -> None:
        super().__init__()
        self.held: list[Stored] = []
        self.full = 0
        self.knows = knows
        self.expired: list[Mapping[str, Micros]] = []

    async def resume(self) -> int | None:
        return await super().resume() if self.knows else None

    async def write(self, events: Sequence[Stored]) -> int:
        if self.full:
            self.full -= 1
            raise FullError("The disk is full.")
        self.held += events
        return self._durable

    async def flush(self) -> int:
        held, self.held = self.held, []
        return await super().write(held)

    async def expire(self, before: Mapping[str, Micros]) -> int:
        self.expired.append(before)
        return await super().expire(before)


def event(number: int) -> Event:
    at = 1_795_219_200_000_000 + number
    return Event(f"{number:032x}", "s", at, at, "", "f")


def store_of(
    bus: MemoryBus, events: MemoryEvents, clock: ManualClock, signals: MemorySignals | None = None, **more: object
) -> Store:
    settings: dict[str, object] = {"wait": 0.01, "flush_after": 0.02, "retry": 0.01, "batch": 10}
    return Store(bus_events=bus, events=events, clock=clock, signals=signals or MemorySignals(), **(settings | more))  # type: ignore[arg-type]


async def run_until(store: Store, done: Callable[[], bool]) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(store.run(stop))
    async with asyncio.timeout(5):
        while not done() and not task.done():
            await asyncio.sleep(0.002)
    stop.set()
    await asyncio.wait_for(task, 5)


async def feed(bus: MemoryBus, first: int, last: int) -> None:
    await bus.append("events", [("s", encode(event(n))) for n in range(first, last + 1)])


async def ids(events: MemoryEvents) -> list[int]:
    found = await events.search(Search(limit=10_000))
    return sorted(int(s.event.id, 16) for s in found.events)


@pytest.mark.parametrize("knows", [True, False])
async def test_a_crash_stores_nothing_twice_and_loses_nothing(knows: bool) -> None:
    """Cancelled between write and flush, again and again, with the store's memory lost or not: each event once."""
    clock = ManualClock()
    bus, events = MemoryBus(clock), Slow(knows)
    for round in range(6):
        await feed(bus, round * 25 + 1, round * 25 + 25)
        task = asyncio.create_task(store_of(bus, events, clock).run(asyncio.Event()))
        await asyncio.sleep(0.005 * round)
        task.cancel()
        await asyncio.wait([task])
        if round % 2:
            events.held.clear()
    await run_until(store_of(bus, events, clock), lambda: len(events._events) >= 150)
    assert await ids(events) == list(range(1, 151))
    assert await bus.position("store", "events") == 150


async def test_stop_makes_everything_durable() -> None:
    """What was taken is flushed when stopped, and the log may forget it."""
    clock = ManualClock()
    bus, events = MemoryBus(clock), Slow()
    await feed(bus, 1, 30)
    await run_until(store_of(bus, events, clock, flush_after=999.0), lambda: len(events.held) == 30)
    assert await ids(events) == list(range(1, 31)) and await bus.position("store", "events") == 30


async def test_a_full_disk_waits_and_loses_nothing() -> None:
    """It says so, stops reading, tries to expire, and goes on when there is room."""
    clock, signals = ManualClock(), MemorySignals()
    bus, events = MemoryBus(clock), Slow()
    events.full = 3
    await feed(bus, 1, 30)
    await run_until(store_of(bus, events, clock, signals), lambda: len(events._events) == 30)
    assert await ids(events) == list(range(1, 31))
    assert signals.levels["store_full"] == 0 and len(events.expired) >= 3


async def test_stop_while_full_keeps_the_place() -> None:
    """Stopped without room: the position stays, and the next start stores everything."""
    clock, signals = ManualClock(), MemorySignals()
    bus, events = MemoryBus(clock), Slow()
    events.full = 10**9
    await feed(bus, 1, 5)
    await run_until(store_of(bus, events, clock, signals), lambda: signals.levels.get("store_full") == 1)
    assert await bus.position("store", "events") == 0
    events.full = 0
    await run_until(store_of(bus, events, clock), lambda: len(events._events) == 5)
    assert await ids(events) == [1, 2, 3, 4, 5]


async def test_what_is_no_event_is_counted_and_passed() -> None:
    """A record that cannot be decoded does not stop the store."""
    clock, signals = ManualClock(), MemorySignals()
    bus, events = MemoryBus(clock), Slow()
    await bus.append("events", [("x", b"{")])
    await feed(bus, 1, 3)
    await run_until(store_of(bus, events, clock, signals), lambda: len(events._events) == 3)
    assert signals.counts["store_refused"] == 1 and signals.counts["store_events"] == 3


async def test_events_past_their_time_are_dropped() -> None:
    """Retention is by system; a system without one has the default of a month."""
    clock = ManualClock()
    bus, events = MemoryBus(clock), Slow()
    await run_until(store_of(bus, events, clock, retention={"kho": keep_for(3)}), lambda: bool(events.expired))
    assert events.expired[0] == {"": clock.now() - MONTH, "kho": clock.now() - 3 * MONTH}
    assert [keep_for(level) // MONTH for level in range(1, 6)] == [1, 1, 3, 6, 12]


async def test_a_store_ahead_of_the_log_is_refused() -> None:
    """A log that ends before the store's place is another log: an error that says what to do."""
    clock = ManualClock()
    bus, events = MemoryBus(clock), MemoryEvents()
    await events.write([Stored(event(1), 9, 0)])
    with pytest.raises(CorruptError, match="do not belong together"):
        await store_of(bus, events, clock).run(asyncio.Event())
