"""The loop on real adapters: memory for speed, SQLite files for what a crash leaves behind."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone.clock import ManualClock
from backbone.codec import decode_alert, encode
from backbone.memory_bus import MemoryBus
from backbone.memory_state import MemoryState
from backbone.ports import Bus, Commit, StateStore
from backbone.signals import MemorySignals
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from correlator.loop import Correlate
from correlator.rule import Correlation, Rule
from model import Alert, CorruptError, Event, Expected, FullError, LogSource, System
from model.moment import MINUTE, SECOND

NOON = 1_795_219_200_000_000


class ByName:
    """A matcher whose rules are named by the events: field ``hit`` lists their indexes. Real matching has its own tests."""

    def __init__(self, rules: tuple[Rule, ...], correlations: tuple[Correlation, ...] = ()) -> None:
        self.rules = rules
        self.correlations = correlations

    def match(self, event: Event) -> Sequence[int]:
        if event.fields.get("event") == "source_silent":
            return (2,)
        if event.fields.get("poison"):
            raise RuntimeError("a rule nobody foresaw")
        return event.fields.get("hit", ())


RULES = (
    Rule("plain", "Plain", "medium", "r.yml", 1),
    Rule("fail", "Failed log-in", "low", "r.yml", 1, alerts=False),
    Rule("silent", "Silent", "high", "r.yml", 1),
)
BURST = Correlation(
    "burst", "burst", "Password spraying", "high", "event_count", ("fail",), ("src_ip",), 10 * MINUTE, ("gte", 3), "c.yml", 1
)
MATCHER = ByName(RULES, (BURST,))


def event(number: int, at: int, hits: tuple[int, ...] = (), ip: str = "203.0.113.7", **fields: object) -> Event:
    return Event(
        id=f"{number:032x}",
        source="file",
        happened_at=at,
        received_at=at + SECOND,
        original=f"dòng {number}",
        format="sshd",
        logsource=LogSource("linux", (), "sshd"),
        system="cong-dvc",
        host="web01",
        fields={"hit": list(hits), "src_ip": ip, **fields},
    )


def day(seed: int, size: int) -> list[Event]:
    rng = random.Random(seed)
    events = []
    for number in range(size):
        at = NOON + number * 20 * SECOND + rng.randint(-3 * 60, 0) * SECOND
        hits = rng.choice([(), (), (0,), (1,), (1,), (0, 1)])
        events.append(event(number, at, hits, f"203.0.113.{rng.randint(1, 3)}"))
    return events


def told(bus_alerts: list[Alert]) -> dict[str, tuple[object, ...]]:
    """Alert id → what the newest revision says, without the time of detection and the number of revisions."""
    newest: dict[str, Alert] = {}
    for alert in bus_alerts:
        if alert.id in newest:
            assert alert.revision >= newest[alert.id].revision or alert == newest[alert.id]
        newest[alert.id] = alert
    return {
        id: msgspec.structs.astuple(msgspec.structs.replace(a, revision=0, detected_at=0, stored_at=0))
        for id, a in newest.items()
    }


def loop_of(bus: Bus, state: StateStore, clock: ManualClock, signals: MemorySignals | None = None, **more: object) -> Correlate:
    settings: dict[str, object] = {"wait": 0.01, "lazy": 0.02, "batch": 7, "systems": (), "matcher": MATCHER, "wall": False}
    return Correlate(bus_events=bus, state=state, clock=clock, signals=signals or MemorySignals(), **(settings | more))  # type: ignore[arg-type]


async def until_read(bus: Bus, loop: Correlate, seconds: float = 10.0) -> None:
    """Run ``loop`` until the whole topic is committed, then stop it."""
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    end = await bus.end("events")
    async with asyncio.timeout(seconds):
        while await bus.position("correlate", "events") < end and not task.done():
            await asyncio.sleep(0.005)
    stop.set()
    await asyncio.wait_for(task, 5)


async def alerts_of(bus: Bus) -> list[Alert]:
    return [decode_alert(r.value) for r in await bus.read("alerts", 0, 100_000)]


async def undisturbed(events: list[Event]) -> dict[str, tuple[object, ...]]:
    clock = ManualClock()
    bus = MemoryBus(clock)
    state = MemoryState(clock)
    await bus.append("events", [("file", encode(e)) for e in events])
    await until_read(bus, loop_of(bus, state, clock))
    return told(await alerts_of(state.bus))


class Killer(MemoryState):
    """A state store at which the process dies: before or after the commit that is due next."""

    def __init__(self, clock: ManualClock, rng: random.Random) -> None:
        super().__init__(clock)
        self.rng = rng
        self.armed = True

    async def commit(self, commit: Commit) -> None:
        fate = self.rng.random() if self.armed else 1.0
        if fate < 0.1:
            raise asyncio.CancelledError
        await super().commit(commit)
        if fate < 0.2:
            raise asyncio.CancelledError


@given(seed=st.integers(0, 2**32), size=st.integers(1, 120))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_crashes_change_no_alert(seed: int, size: int) -> None:
    """Killed before or after any commit and started again: the same alerts, counts, evidence and times as an undisturbed run."""

    async def scenario() -> None:
        events, rng, clock = day(seed, size), random.Random(seed), ManualClock()
        bus, state = MemoryBus(clock), Killer(clock, random.Random(seed + 1))
        left = list(events)
        while left or state.armed:
            if left:
                cut = rng.randint(1, 30)
                await bus.append("events", [("file", encode(e)) for e in left[:cut]])
                del left[:cut]
            else:
                state.armed = False
            with contextlib.suppress(asyncio.CancelledError):
                await until_read(bus, loop_of(bus, state, clock))
        ids = [a.id for a in await alerts_of(state.bus) if a.revision == 1]
        assert len(ids) == len(set(ids)), "an alert was told as new twice"
        assert told(await alerts_of(state.bus)) == await undisturbed(events)

    asyncio.run(scenario())


async def test_sqlite_files_survive_a_kill_at_any_await(tmp_path: Path) -> None:
    """On SQLite files: cancelled at random moments, closed and opened again; no alert is lost or doubled."""
    events, rng, clock = day(7, 150), random.Random(7), ManualClock()
    log = await SqliteLog.open(tmp_path / "log.db", clock)
    await log.append("events", [("file", encode(e)) for e in events])
    await log.close()
    for round in range(8):
        log = await SqliteLog.open(tmp_path / "log.db", clock)
        state = await SqliteState.open(tmp_path / "state.db", clock)
        loop = loop_of(log, state, clock, batch=9)
        if round < 7:
            task = asyncio.create_task(loop.run(asyncio.Event()))
            await asyncio.sleep(rng.random() * 0.05)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        else:
            await until_read(log, loop)
            kept = await alerts_of(state.bus)
        await log.close()
        await state.close()
    fresh = [a.id for a in kept if a.revision == 1]
    assert len(fresh) == len(set(fresh))
    assert told(kept) == await undisturbed(events)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bus(clock: ManualClock) -> MemoryBus:
    return MemoryBus(clock)


@pytest.fixture
def state(clock: ManualClock) -> MemoryState:
    return MemoryState(clock)


async def feed(bus: MemoryBus, *events: Event) -> None:
    await bus.append("events", [("file", encode(e)) for e in events])


async def test_an_alert_has_its_four_times_and_who(bus: MemoryBus, state: MemoryState, clock: ManualClock) -> None:
    """happened, received, stored and detected come from the event, the log and the clock; entities from the fields."""
    clock.at = NOON + 3 * SECOND
    await feed(bus, event(1, NOON, (0,), username="an.nguyen"))
    clock.at = NOON + 4 * SECOND
    await until_read(bus, loop_of(bus, state, clock))
    (alert,) = await alerts_of(state.bus)
    assert (alert.happened_at, alert.received_at, alert.stored_at, alert.detected_at) == (
        NOON,
        NOON + SECOND,
        NOON + 3 * SECOND,
        NOON + 4 * SECOND,
    )
    assert [(e.kind, e.value) for e in alert.entities] == [("ip", "203.0.113.7"), ("user", "an.nguyen"), ("host", "web01")]
    assert (alert.rule, alert.level, alert.systems, alert.evidence[0].excerpt) == ("plain", "medium", ("cong-dvc",), "dòng 1")


async def test_final_counts_are_exact_after_stop(bus: MemoryBus, state: MemoryState, clock: ManualClock) -> None:
    """137 repeats: few revisions, the last of which counts all of them."""
    signals = MemorySignals()
    await feed(bus, *(event(n, NOON + n * SECOND, (0,)) for n in range(137)))
    await until_read(bus, loop_of(bus, state, clock, signals))
    alerts = await alerts_of(state.bus)
    assert len({a.id for a in alerts}) == 1 and len(alerts) <= 10
    assert alerts[-1].count == 137 and alerts[-1].last_at == NOON + 136 * SECOND and len(alerts[-1].evidence) == 10
    assert signals.counts["correlator_events"] == 137
    assert signals.counts["correlator_matches{level=medium}"] == 137
    assert signals.counts["correlator_alerts{change=new,level=medium}"] == 1


async def test_correlation_alert(bus: MemoryBus, state: MemoryState, clock: ManualClock) -> None:
    """Three failed log-ins of one address make one alert of the correlation and none of the rule it refers to."""
    await feed(bus, *(event(n, NOON + n * SECOND, (1,), username=f"user{n}") for n in range(3)))
    await until_read(bus, loop_of(bus, state, clock))
    (alert,) = await alerts_of(state.bus)
    assert (alert.rule, alert.correlation, alert.count, alert.group) == ("burst", True, 3, (("src_ip", "203.0.113.7"),))
    assert [e.excerpt for e in alert.evidence] == ["dòng 0", "dòng 1", "dòng 2"]
    assert {e.value for e in alert.entities if e.kind == "user"} == {"user0", "user1", "user2"}


async def test_what_is_no_event_goes_to_the_dead_letters(bus: MemoryBus, state: MemoryState, clock: ManualClock) -> None:
    """A record that cannot be decoded, or at which a rule fails, is kept with its reason, and the loop goes on."""
    signals = MemorySignals()
    await bus.append("events", [("x", b"\xff not json"), ("x", encode(event(1, NOON, (0,), poison=True)))])
    await feed(bus, event(2, NOON, (0,)))
    await until_read(bus, loop_of(bus, state, clock, signals))
    letters = [msgspec.json.decode(r.value) for r in await state.bus.read("dead-letters", 0, 10)]
    assert [(x["offset"], x["reason"][:12]) for x in letters] == [(1, "not an event"), (2, "rules failed")]
    assert signals.counts["correlator_dead_letters"] == 2 and len(await alerts_of(state.bus)) == 1


async def test_a_silent_source_raises_an_alert(bus: MemoryBus, state: MemoryState, clock: ManualClock) -> None:
    """The event that says a source is silent meets the rules in the same step and becomes an alert about that source."""
    expected = Expected("db01", "postgresql", 15 * MINUTE)
    systems = (System("kho", 19, "Kho dữ liệu", "Data warehouse", "", "", 3, expected=(expected,)),)
    quiet = msgspec.structs.replace(event(1, NOON), host="db01", format="postgresql")
    await feed(bus, quiet, event(2, NOON + 16 * MINUTE))
    loop = loop_of(bus, state, clock, systems=systems)
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    async with asyncio.timeout(5):
        while not await alerts_of(state.bus):
            await asyncio.sleep(0.01)
    stop.set()
    await task
    (alert,) = await alerts_of(state.bus)
    assert alert.rule == "silent" and alert.systems == ("kho",)
    assert ("source", "db01/postgresql") in [(e.kind, e.value) for e in alert.entities]


async def test_full_state_waits_and_loses_nothing(bus: MemoryBus, clock: ManualClock) -> None:
    """While the state store has no room the loop says so and reads nothing; then it goes on where it was."""

    class Tight(MemoryState):
        refusals = 3

        async def commit(self, commit: Commit) -> None:
            if commit.appends and self.refusals:
                self.refusals -= 1
                raise FullError("The disk is full.")
            await super().commit(commit)

    state, signals = Tight(clock), MemorySignals()
    await feed(bus, event(1, NOON, (0,)))
    await until_read(bus, loop_of(bus, state, clock, signals))
    assert state.refusals == 0 and len(await alerts_of(state.bus)) == 1
    assert signals.levels["correlator_full"] == 0


async def test_stop_while_full_commits_nothing(bus: MemoryBus, clock: ManualClock) -> None:
    """Stopped while there is no room: it ends with FullError, the cursor stays, and the next start tells the alert."""

    class Full(MemoryState):
        full = True

        async def commit(self, commit: Commit) -> None:
            if self.full:
                raise FullError("The disk is full.")
            await super().commit(commit)

    state = Full(clock)
    await feed(bus, event(1, NOON, (0,)))
    stop = asyncio.Event()
    task = asyncio.create_task(loop_of(bus, state, clock).run(stop))
    await asyncio.sleep(0.05)
    stop.set()
    with pytest.raises(FullError):
        await asyncio.wait_for(task, 2)
    assert await state.position("correlate", "events") == 0
    state.full = False
    await until_read(bus, loop_of(bus, state, clock))
    assert len(await alerts_of(state.bus)) == 1


async def test_state_ahead_of_the_log_is_refused(bus: MemoryBus, state: MemoryState, clock: ManualClock) -> None:
    """A log that ends before the cursor is another log: an error that says what to do, not silence for ever."""
    await state.commit(Commit(cursors=(("correlate", "events", 5),)))
    with pytest.raises(CorruptError, match="do not belong together"):
        await loop_of(bus, state, clock).run(asyncio.Event())


async def test_rules_are_replaced_between_steps(bus: MemoryBus, state: MemoryState, clock: ManualClock) -> None:
    """After ``replace`` the new rules hold; windows of a correlation that did not change go on."""
    loop, stop = loop_of(bus, state, clock), asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    await feed(bus, event(1, NOON, (1,)), event(2, NOON + 1, (1,)))
    async with asyncio.timeout(5):
        while await state.position("correlate", "events") < 2:
            await asyncio.sleep(0.01)
        renamed = msgspec.structs.replace(RULES[0], id="renamed")
        await loop.replace(ByName((renamed, *RULES[1:]), (BURST,)))
    await feed(bus, event(3, NOON + 2, (0, 1)))
    async with asyncio.timeout(5):
        while await state.position("correlate", "events") < 3:
            await asyncio.sleep(0.01)
    stop.set()
    await task
    assert {(a.rule, a.count) for a in await alerts_of(state.bus)} == {("renamed", 1), ("burst", 3)}


async def test_a_quiet_stream_commits_seldom(bus: MemoryBus, clock: ManualClock) -> None:
    """Events that match nothing move the cursor once in a while, not once a step."""

    class Counting(MemoryState):
        commits = 0

        async def commit(self, commit: Commit) -> None:
            self.commits += 1
            await super().commit(commit)

    state = Counting(clock)
    await feed(bus, *(event(n, NOON + n) for n in range(700)))
    await until_read(bus, loop_of(bus, state, clock, lazy=0.3))
    assert state.commits <= 5
