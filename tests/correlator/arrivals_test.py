"""Every loop sees every record once and in order, whatever the others do, and what is kept is bounded."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.clock import ManualClock
from backbone.codec import encode, encode_event
from backbone.memory_bus import MemoryBus
from backbone.ports import Record
from correlator import arrivals as module
from correlator.arrivals import Arrival, Arrivals
from model import Event


class Counting(MemoryBus):
    """Counts reads that gave something."""

    reads = 0

    async def read(self, topic: str, after: int, limit: int, wait: float = 0.0) -> list[Record]:
        found = await super().read(topic, after, limit, wait)
        self.reads += bool(found)
        return found


def event(number: int) -> Event:
    return Event(f"{number:032x}", "s", number, number, "", "f")


async def fill(bus: MemoryBus, first: int, last: int) -> None:
    await bus.append("events", [("s", encode_event(event(n))) for n in range(first, last + 1)])


async def follow(arrivals: Arrivals, reader: str, after: int, until: int, pauses: random.Random | None = None) -> list[Arrival]:
    seen: list[Arrival] = []
    while after < until:
        got = await arrivals.read(reader, after)
        seen += got
        after = got[-1].offset if got else after
        if pauses:
            await asyncio.sleep(pauses.choice((0, 0, 0.001)))
    arrivals.leave(reader)
    return seen


async def test_two_loops_side_by_side_cost_one_read_each_batch() -> None:
    """Both see all of it; each batch was read from the log once."""
    bus = Counting(ManualClock())
    await fill(bus, 1, 500)
    arrivals = Arrivals(bus, batch=10, wait=0.01)
    one, other = await asyncio.gather(follow(arrivals, "a", 0, 500), follow(arrivals, "b", 0, 500))
    assert [a.offset for a in one] == [a.offset for a in other] == list(range(1, 501))
    assert all(a.event == event(a.offset) for a in one)
    assert bus.reads == 50


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 150), st.integers(0, 150))
def test_order_and_completeness_hold_whatever_the_pace(seed: int, batch: int, first: int, second: int) -> None:
    """Loops that start anywhere and pause at random each see exactly what is after their start."""

    async def run() -> None:
        bus = MemoryBus(ManualClock())
        await fill(bus, 1, 200)
        arrivals = Arrivals(bus, batch=batch, wait=0.01)
        pauses = random.Random(seed)
        found = await asyncio.gather(
            *(follow(arrivals, name, start, 200, pauses) for name, start in (("a", first), ("b", second)))
        )
        assert [[a.offset for a in one] for one in found] == [list(range(start + 1, 201)) for start in (first, second)]

    asyncio.run(run())


async def test_a_loop_that_is_stuck_holds_nobody_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other waits PATIENCE for a batch at most, and what is kept stays bounded."""
    monkeypatch.setattr(module, "KEPT_RECORDS", 20)
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    bus = MemoryBus(ManualClock())
    await fill(bus, 1, 200)
    arrivals = Arrivals(bus, batch=10, wait=0.01)
    await arrivals.read("stuck", 0)
    began = asyncio.get_running_loop().time()
    assert len(await follow(arrivals, "free", 0, 200)) == 200
    assert asyncio.get_running_loop().time() - began < 2.0
    assert sum(len(batch.arrivals) for batch in arrivals._kept) <= 20
    assert [a.offset for a in await follow(arrivals, "stuck", 0, 200)] == list(range(1, 201))


async def test_what_is_no_event_is_handed_on_with_its_reason() -> None:
    """The record, whole, so that it can be buried; its neighbours are not touched. Events as JSON, of older logs, are read."""
    bus = MemoryBus(ManualClock())
    await bus.append("events", [("s", encode_event(event(1))), ("x", b"\xff\x00"), ("y", b""), ("s", encode(event(4)))])
    first, second, third, fourth = await Arrivals(bus, wait=0.01).read("a", 0)
    assert (first.event, fourth.event) == (event(1), event(4))
    for refused, key in ((second, "x"), (third, "y")):
        assert refused.event is None and refused.refused is not None and refused.refused.key == key and refused.problem


async def test_nothing_new_is_an_empty_answer() -> None:
    """After ``wait``; and what comes later is found."""
    bus = MemoryBus(ManualClock())
    arrivals = Arrivals(bus, wait=0.01)
    assert not await arrivals.read("a", 0)
    await fill(bus, 1, 3)
    assert [a.offset for a in await arrivals.read("a", 1)] == [2, 3]
    assert [a.offset for a in await arrivals.read("b", 0)] == [1, 2, 3]
