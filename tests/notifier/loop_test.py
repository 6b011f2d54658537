"""Topic alerts → incidents and outbox, in one commit."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from backbone.clock import ManualClock
from backbone.codec import decode_delivery, decode_incident, encode
from backbone.memory_state import MemoryState
from backbone.ports import Commit, Put
from backbone.signals import MemorySignals
from model import Delivery, FullError
from notifier.loop import Notify, outbox


class Bench:
    """A state with its bus and a Notify that runs on it."""

    def __init__(self, grouping: Any) -> None:
        self.clock, self.signals, self.grouping = ManualClock(), MemorySignals(), grouping
        self.state = MemoryState(self.clock)

    async def send(self, *alerts: Any) -> None:
        await self.state.commit(Commit(appends=tuple(("alerts", a.id, encode(a)) for a in alerts)))

    async def drain(self) -> None:
        """Run a fresh Notify until it has consumed the topic."""
        stop = asyncio.Event()
        notify = Notify(
            bus=self.state.bus, state=self.state, grouping=self.grouping(), clock=self.clock, signals=self.signals, batch=3
        )
        task = asyncio.create_task(notify.run(stop))
        end = await self.state.bus.end("alerts")
        while await self.state.position("notify", "alerts") < end and not task.done():
            await asyncio.sleep(0.005)
        stop.set()
        await asyncio.wait_for(task, 2)

    async def values(self, space: str) -> AsyncIterator[bytes]:
        async for entry in await self.state.scan(space):
            yield entry.value

    async def deliveries(self) -> list[Delivery]:
        return [decode_delivery(v) async for v in self.values("outbox")]


@pytest.fixture
def bench(grouping: Any) -> Bench:
    return Bench(grouping)


async def test_all_of_a_batch_is_there_together(bench: Bench, alert: Any) -> None:
    """Alerts, incident, outbox entry, topic record and cursor: each alert once, the incident at its newest revision."""
    await bench.send(alert("a", "user:lan"), alert("b", "user:lan"), alert("l", "user:x", level="low"))
    await bench.drain()
    (incident,) = [decode_incident(v) async for v in bench.values("incidents")]
    assert [line.id for line in incident.alerts] == ["a", "b"] and incident.revision == 2
    assert await bench.state.count("alerts") == 3
    (delivery,) = await bench.deliveries()
    assert (delivery.incident, delivery.wanted, delivery.state, delivery.due_at) == (incident.id, 2, "waiting", bench.clock.now())
    (record,) = await bench.state.bus.read("incidents", 0, 10)
    assert decode_incident(record.value) == incident
    assert bench.signals.counts["notifier_incidents{severity=M2}"] == 1


async def test_restart_goes_on(bench: Bench, alert: Any) -> None:
    """After a restart the next alert joins the incident of before; a replayed or older revision changes nothing."""
    await bench.send(alert("a", "user:lan"))
    await bench.drain()
    await bench.send(alert("b", "user:lan"), alert("a", "user:lan"), alert("a", "user:lan", revision=2, count=7))
    await bench.drain()
    (incident,) = [decode_incident(v) async for v in bench.values("incidents")]
    assert [(line.id, line.count) for line in incident.alerts] == [("a", 7), ("b", 1)] and incident.revision == 3


async def test_unreadable_alert_is_kept_as_dead_letter(bench: Bench, alert: Any) -> None:
    """Junk on the topic is counted and kept, and the alert behind it still arrives."""
    await bench.state.commit(Commit(appends=(("alerts", "x", b"\xff{"), ("alerts", "y", b"[]"))))
    await bench.send(alert("a", "user:lan"))
    await bench.drain()
    assert [r.value for r in await bench.state.bus.read("dead-letters", 0, 9)] == [b"\xff{", b"[]"]
    assert bench.signals.counts["notifier_unreadable"] == 2 and await bench.state.count("incidents") == 1


async def test_registered_only_is_held(bench: Bench, alert: Any) -> None:
    """M4 is not sent; graded up it becomes due."""
    await bench.send(alert("a", "user:lan", level="medium", systems=("web",)))
    await bench.drain()
    assert [d.state for d in await bench.deliveries()] == ["held"]
    await bench.send(alert("b", "user:lan", level="high", systems=("web",)))
    await bench.drain()
    assert [(d.state, d.wanted) for d in await bench.deliveries()] == [("waiting", 2)]


async def test_full_store_loses_nothing(bench: Bench, alert: Any) -> None:
    """A commit that finds no room stops the loop; run again it starts from what is durable and misses no alert."""
    await bench.send(alert("a", "user:lan"), alert("b", "user:lan"))
    bench.state.bus._max_bytes = 1
    with pytest.raises(FullError):
        await bench.drain()
    assert await bench.state.count("incidents") == 0
    bench.state.bus._max_bytes = 0
    await bench.drain()
    (incident,) = [decode_incident(v) async for v in bench.values("incidents")]
    assert len(incident.alerts) == 2


async def test_delivery_writing_meanwhile_is_respected(bench: Bench, alert: Any) -> None:
    """When the delivery changed the outbox entry between reading and committing, its outcome is kept."""
    await bench.send(alert("a", "user:lan"))
    await bench.drain()
    (before,) = await bench.deliveries()
    get, busy = bench.state.get, [True]

    async def racing(space: str, key: str) -> Any:
        entry = await get(space, key)
        if space == "outbox" and busy.pop() if busy else False:
            sent = replace(before, sent=1, state="delivered", national_id="VN-2026-CM-000001", due_at=bench.clock.now() + 5)
            await bench.state.commit(Commit(puts=(Put("outbox", key, encode(sent)),)))
        return entry

    bench.state.get = racing  # type: ignore[method-assign]
    await bench.send(alert("b", "user:lan"))
    await bench.drain()
    (after,) = await bench.deliveries()
    assert (after.sent, after.wanted, after.state, after.national_id) == (1, 2, "waiting", "VN-2026-CM-000001")
    assert after.due_at == bench.clock.now() + 5


def test_outbox_rules(alert: Any, grouping: Any) -> None:
    """A refused report waits again with a new revision; one in backoff keeps its time; a sent one is never held back."""
    incident = replace(grouping().observe(alert("a", "user:lan")), revision=5)
    refused = outbox(incident, Delivery(incident.id, 4, attempts=3, state="refused", due_at=9), 7, True)
    assert (refused.state, refused.attempts, refused.due_at, refused.wanted) == ("waiting", 0, 9, 5)
    backoff = outbox(incident, Delivery(incident.id, 4, attempts=3, due_at=90), 7, True)
    assert (backoff.attempts, backoff.due_at) == (3, 90)
    assert outbox(incident, Delivery(incident.id, 4, sent=4, state="delivered"), 7, False).state == "waiting"
