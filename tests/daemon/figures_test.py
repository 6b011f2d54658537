"""Figures at the head of the page."""

import asyncio

from backbone.clock import ManualClock
from backbone.codec import encode
from backbone.memory_bus import MemoryBus
from backbone.memory_state import MemoryState
from backbone.ports import Commit, Put
from daemon.figures import Figures
from daemon.health import Health
from model import Delivery
from model.moment import MINUTE, SECOND

NOW = 1_795_248_000 * SECOND


async def test_figures_are_what_the_stores_say() -> None:
    """Events a second over the last samples, deliveries that wait and for how long, problems of roles."""
    clock = ManualClock(NOW)
    bus, state = MemoryBus(clock), MemoryState(clock)
    figures = Figures(bus, state, clock, lambda: Health(False, ("notify has not started",), ()))
    assert figures.now()["events_per_second"] == 0.0
    await figures._sample()
    await bus.append("events", [("a", b"x")] * 100)
    deliveries = [
        Delivery("i1", 1, due_at=NOW - MINUTE),
        Delivery("i2", 1, due_at=NOW + MINUTE),
        Delivery("i3", 1, 1, state="delivered"),
    ]
    await state.commit(Commit(tuple(Put("outbox", d.incident, encode(d), NOW) for d in deliveries)))
    clock.advance(10 * SECOND)
    await figures._sample()
    assert figures.now() == {
        "events_per_second": 10.0,
        "events": 100,
        "waiting": 2,
        "oldest_waiting": 70,
        "problems": ["notify has not started"],
    }


async def test_it_stops_when_told() -> None:
    """The loop samples at once and ends soon after stop."""
    clock = ManualClock(NOW)
    figures = Figures(MemoryBus(clock), MemoryState(clock), clock, lambda: Health(True, (), ()))
    stop = asyncio.Event()
    task = asyncio.create_task(figures.run(stop))
    await asyncio.sleep(0.05)
    assert figures.now()["problems"] == []
    stop.set()
    await asyncio.wait_for(task, 0.5)
