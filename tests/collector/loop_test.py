import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from backbone.clock import ManualClock
from backbone.codec import decode_event
from backbone.memory_bus import MemoryBus
from backbone.signals import MemorySignals
from collector import loop
from collector.loop import ASSEMBLY, Intake
from model import BackboneError, Event, FullError, Micros, RawRecord, event_id


class Plain:
    """One event a record; ``hold`` is held back until the tick, ``crash`` crashes."""

    def __init__(self) -> None:
        self.held: list[bytes] = []

    def understand(self, record: RawRecord) -> list[Event]:
        if record.data == b"crash":
            raise ZeroDivisionError
        if record.data.startswith(b"hold"):
            self.held.append(record.data)
            return []
        return [self.event(record.source, record.cursor, record.data.decode())]

    def tick(self, now: Micros) -> list[Event]:
        events = [self.event("s", h.decode(), h.decode()) for h in self.held]
        self.held = []
        return events

    def pending(self) -> bytes:
        return b"\n".join(self.held)

    def restore(self, state: bytes) -> None:
        self.held = state.split(b"\n") if state else []

    def event(self, source: str, cursor: str, text: str) -> Event:
        return Event(event_id(source, cursor), source, 0, 0, text, "plain")


class MoodyBus(MemoryBus):
    """Fails as told, is slow as told, and counts appends."""

    def __init__(self, errors: Sequence[Exception] = (), delay: float = 0.0) -> None:
        super().__init__(ManualClock())
        self.errors = list(errors)
        self.delay = delay
        self.appends = 0

    async def append(
        self, topic: str, records: Sequence[tuple[str, bytes]], checkpoints: Mapping[str, bytes] | None = None
    ) -> int:
        await asyncio.sleep(self.delay)
        if self.errors:
            raise self.errors.pop(0)
        self.appends += 1
        return await super().append(topic, records, checkpoints)

    async def texts(self) -> list[str]:
        return [decode_event(r.value).original for r in await self.read("events", 0, 10**6)]


def records(*texts: str, source: str = "s") -> list[RawRecord]:
    return [RawRecord(source, f"{source}:{t}", t.encode(), 0) for t in texts]


def new_intake(bus: MemoryBus, understanding: Plain | None = None, **settings: float) -> tuple[Intake, MemorySignals]:
    signals = MemorySignals()
    settings = {"linger": 0.05, **settings}
    intake = Intake(bus=bus, understanding=understanding or Plain(), signals=signals, clock=ManualClock(), **settings)  # type: ignore[arg-type]
    return intake, signals


class Said(list[str]):
    """What was logged."""

    def error(self, event: str, **_: object) -> None:
        self.append(event)

    info = warning = error


@asynccontextmanager
async def running(intake: Intake) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(intake.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_take_returns_when_durable_with_its_checkpoint() -> None:
    """After take: events and checkpoint are in the log, from one append; signals tell by source and format."""
    bus = MoodyBus()
    intake, signals = new_intake(bus)
    async with running(intake):
        await intake.take(records("a", "b"), {"tail:s": b"2"})
        assert await bus.texts() == ["a", "b"]
        assert await bus.checkpoint("tail:s") == b"2"
        assert bus.appends == 1
    assert signals.counts["collector_records{format=plain,source=s}"] == 2
    assert signals.counts["collector_bytes{source=s}"] == 2


async def test_group_commit() -> None:
    """What arrives during a commit goes together in the next one; order within a source stays."""
    bus = MoodyBus(delay=0.02)
    intake, _ = new_intake(bus)
    async with running(intake):
        await asyncio.gather(*(intake.take(records(f"{i:03}"), {"c": str(i).encode()}) for i in range(200)))
    assert bus.appends <= 3
    assert await bus.texts() == [f"{i:03}" for i in range(200)]
    assert await bus.checkpoint("c") == b"199"


async def test_full_is_told_to_takers_and_offered_records_are_kept() -> None:
    """FullError reaches take and nothing of it is stored; what offer accepted is stored once there is room."""
    bus = MoodyBus(errors=[FullError("full")])
    intake, signals = new_intake(bus)
    assert intake.offer(records("udp", source="u")) == 1
    async with running(intake):
        with pytest.raises(FullError):
            await intake.take(records("tcp"), {"c": b"1"})
        assert await bus.checkpoint("c") is None
        assert signals.levels["collector_full"] == 1
        await asyncio.sleep(1.2)
        assert await bus.texts() == ["udp"]
        assert signals.levels["collector_full"] == 0


async def test_only_stored_records_say_that_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """After FullError neither idle ticks nor a checkpoint alone end the state full; it is said once that it ended."""
    said = Said()
    monkeypatch.setattr(loop, "_log", said)
    bus = MoodyBus(errors=[FullError("full")])
    intake, signals = new_intake(bus, tick=0.02)
    async with running(intake):
        with pytest.raises(FullError):
            await intake.take(records("a"), {})
        await asyncio.sleep(1.2)
        await intake.take([], {"c": b"1"})
        assert await bus.checkpoint("c") == b"1" and signals.levels["collector_full"] == 1
        await intake.take(records("a"), {})
        assert signals.levels["collector_full"] == 0
    assert said == ["backbone_full", "backbone_has_room"]


async def test_a_failing_bus_is_tried_again() -> None:
    """An unexpected BackboneError loses nothing: the same commit is tried until it works, and counted."""
    bus = MoodyBus(errors=[BackboneError("gone"), BackboneError("gone")])
    intake, signals = new_intake(bus)
    async with running(intake):
        await intake.take(records("a"), {})
    assert await bus.texts() == ["a"]
    assert signals.counts["collector_commit_errors{reason=failed}"] == 2


async def test_held_records_survive_a_restart() -> None:
    """What the normaliser holds is a checkpoint of the same commit; a new intake goes on with it, exactly once."""
    bus = MoodyBus()
    first, _ = new_intake(bus, tick=60)
    async with running(first):
        await first.take(records("hold1"), {"c": b"1"})
        assert await bus.checkpoint(ASSEMBLY) == b"hold1"
        assert await bus.texts() == []
    second, _ = new_intake(bus, tick=0.05)
    async with running(second):
        await asyncio.sleep(0.2)
        assert await bus.texts() == ["hold1"]
        assert await bus.checkpoint(ASSEMBLY) == b""


async def test_a_refused_commit_puts_the_normaliser_back() -> None:
    """After FullError and a second try a held record is held once, not twice."""
    bus = MoodyBus(errors=[FullError("full")])
    intake, _ = new_intake(bus, Plain(), tick=60)
    async with running(intake):
        with pytest.raises(FullError):
            await intake.take(records("hold1"), {})
        await intake.take(records("hold1"), {})
        assert await bus.checkpoint(ASSEMBLY) == b"hold1"


async def test_offer_drops_and_counts_when_the_queue_is_full() -> None:
    """Beyond the bound offer accepts a prefix and counts the rest."""
    intake, signals = new_intake(MoodyBus(), queue_records=3)
    assert intake.offer(records("a", "b")) == 2
    assert intake.offer(records("c", "d", "e")) == 1
    assert signals.counts["collector_dropped{reason=queue,source=s}"] == 2


async def test_take_waits_for_room() -> None:
    """A full queue makes take wait, in order, instead of growing."""
    bus = MoodyBus(delay=0.01)
    intake, _ = new_intake(bus, queue_records=10, commit_records=10)
    texts = [f"{i:02}" for i in range(50)]
    async with running(intake):
        waiting = [asyncio.create_task(intake.take(records(t), {})) for t in texts]
        await asyncio.sleep(0)
        assert intake._queue.records <= 10
        await asyncio.gather(*waiting)
    assert await bus.texts() == texts


async def test_a_parser_crash_keeps_the_record() -> None:
    """A record that crashes the normaliser is stored as received and counted; its neighbours are untouched."""
    bus = MoodyBus()
    intake, signals = new_intake(bus)
    async with running(intake):
        await intake.take(records("a", "crash", "b"), {})
    assert await bus.texts() == ["a", "crash", "b"]
    assert signals.counts["collector_crashed{source=s}"] == 1
    assert signals.counts["collector_unparsed{source=s}"] == 1


async def test_a_crash_of_the_loop_loses_nothing() -> None:
    """An error that is not the backbone's ends run; run again and what was queued is stored, the taker answered."""
    bus = MoodyBus(errors=[RuntimeError("bug")])
    intake, _ = new_intake(bus)
    taking = asyncio.create_task(intake.take(records("a"), {}))
    with pytest.raises(RuntimeError):
        await intake.run(asyncio.Event())
    assert not taking.done()
    async with running(intake):
        await taking
    assert await bus.texts() == ["a"]


async def test_stop_drains_and_closes() -> None:
    """After stop everything queued is committed, and take afterwards is refused with a reason."""
    bus = MoodyBus(delay=0.05)
    intake, _ = new_intake(bus)
    async with running(intake):
        intake.offer(records("a"))
        await asyncio.sleep(0.01)
        intake.offer(records("b"))
    assert await bus.texts() == ["a", "b"]
    with pytest.raises(BackboneError, match="stopping"):
        await intake.take(records("c"), {})
    assert intake.offer(records("d")) == 0


async def test_parsing_does_not_starve_the_event_loop() -> None:
    """While 20,000 records are understood, other tasks get their turn every 500."""
    intake, _ = new_intake(MoodyBus())
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with running(intake):
        task = asyncio.create_task(other())
        await intake.take(records(*(str(i) for i in range(20_000))), {})
        task.cancel()
    assert turns >= 40


async def test_overhead_is_small() -> None:
    """The loop's own work per record stays in microseconds (loose bound; measured figure in docs)."""
    intake, _ = new_intake(MoodyBus())
    many = records(*(str(i) for i in range(20_000)))
    async with running(intake):
        started = time.perf_counter()
        await intake.take(many, {})
        assert (time.perf_counter() - started) / len(many) < 100e-6
