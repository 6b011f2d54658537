"""Topic ``events`` → topic ``alerts``, exactly once: cursor, state and alerts of a step are one commit."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from backbone.codec import encode, encode_event
from backbone.ports import Bus, Clock, Commit, StateStore
from backbone.signals import Signals
from correlator import arrivals as events
from correlator import snapshot
from correlator.arrivals import TOPIC, Arrival
from correlator.detection import Detection, Matching
from correlator.windows import Limits
from model import Alert, CorruptError, FullError, Micros, System
from model.moment import HOUR, MINUTE, SECOND, to_rfc3339

GROUP: Final = "correlate"
_log = structlog.get_logger()


class Correlate:
    """Reads events, tells alerts. µs: ``lateness``, ``window``, ``pause`` as in Detection. Seconds: ``wait`` for new events,
    ``chunk`` of work before others get a turn, ``step`` of work before a commit while more waits, ``lazy`` between commits that
    save only the cursor. ``batch`` records are read at once.
    """

    def __init__(
        self,
        *,
        bus_events: Bus,
        state: StateStore,
        matcher: Matching,
        systems: Sequence[System],
        clock: Clock,
        signals: Signals,
        lateness: Micros = 5 * MINUTE,
        window: Micros = HOUR,
        pause: Micros = 10 * SECOND,
        limits: Limits | None = None,
        wall: bool = True,
        batch: int = events.BATCH,
        wait: float = 0.2,
        chunk: float = 0.02,
        step: float = 0.2,
        lazy: float = 1.0,
    ) -> None:
        self._bus, self._state, self._clock, self._signals = bus_events, state, clock, signals
        self._matcher, self._systems = matcher, tuple(systems)
        self._lateness, self._window, self._pause, self._limits, self._wall = lateness, window, pause, limits, wall
        self._batch, self._wait = batch, wait
        self._chunk, self._step, self._lazy = chunk, step, lazy
        self._next: Matching | None = None
        self._replaced: asyncio.Future[None] | None = None

    async def replace(self, matcher: Matching) -> None:
        """Go on with other rules from the next step on; returns when they are in force (at once when not running)."""
        if self._replaced is None:
            self._matcher = matcher
            return
        self._next = matcher
        await asyncio.shield(self._replaced)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; then tell what is owed and commit. CorruptError when the log is not the one the state knows."""
        self._replaced = asyncio.get_running_loop().create_future()
        try:
            await self._start()
            while not stop.is_set():
                await self._swap(stop)
                arrivals = await events.read(self._bus, self._offset, self._batch, self._wait)
                start = 0
                while start < len(arrivals) and not stop.is_set():
                    start = await self._work(arrivals, start)
                    if start < len(arrivals) or not self._pressed(len(arrivals)):
                        await self._save(stop)
                if not arrivals:
                    await self._save(stop)
                await self._tick(stop)
            self._detection.flush(self._clock.now())
            await self._save(stop, now=True)
        finally:
            replaced, self._replaced = self._replaced, None
            if self._next is not None:
                self._matcher, self._next = self._next, None
            if not replaced.done():
                replaced.set_result(None)

    async def _start(self) -> None:
        """State as of the last commit. What was in memory counts for nothing."""
        self._trimmed = 0
        self._offset = self._committed = await self._state.position(GROUP, TOPIC)
        end = await self._bus.end(TOPIC)
        if self._offset > end:
            raise CorruptError(
                f"The correlator's state is at event {self._offset}, the log of events ends at {end}: they do not belong "
                "together; restore both from the same backup, or move the state away."
            )
        self._detection = Detection(
            self._matcher,
            self._systems,
            lateness=self._lateness,
            window=self._window,
            pause=self._pause,
            limits=self._limits,
            wall=self._wall,
        )
        windows = [(e.key, bytes(e.value)) async for e in await self._state.scan(snapshot.WINDOWS)]
        alerts = [(e.key, bytes(e.value)) async for e in await self._state.scan(snapshot.SUPPRESSION)]
        stream = await self._state.get(*snapshot.STREAM)
        useless = self._detection.restore(windows, alerts, bytes(stream.value) if stream else None)
        self._dead: list[tuple[str, str, bytes]] = []
        self._told = (0, 0)
        self._newest: Micros = 0
        self._acted_at = self._saved_at = self._ticked_at = asyncio.get_running_loop().time()
        _log.info("correlator_started", offset=self._offset, behind=end - self._offset, groups=len(windows), useless=useless)

    async def _swap(self, stop: asyncio.Event) -> None:
        if self._next is None or self._replaced is None:
            return
        await self._save(stop, now=True)
        self._matcher, self._next = self._next, None
        dropped = self._detection.replace(self._matcher)
        _log.info("correlator_rules_replaced", rules=len(self._matcher.rules), groups_dropped=dropped)
        replaced, self._replaced = self._replaced, asyncio.get_running_loop().create_future()
        replaced.set_result(None)

    def _pressed(self, arrived: int) -> bool:
        """More is waiting, and the last commit was a moment ago: a commit is a wait for the disk, so go on first."""
        return arrived >= self._batch and asyncio.get_running_loop().time() - self._acted_at < self._step

    async def _work(self, arrivals: Sequence[Arrival], start: int) -> int:
        """Observe arrivals from ``start`` on for at most one step; return where to go on."""
        clock = asyncio.get_running_loop().time
        began = turn = clock()
        now, place = self._clock.now(), start
        while place < len(arrivals):
            until = min(place + 32, len(arrivals))
            for arrival in arrivals[place:until]:
                self._observe(arrival, now)
            place = until
            at = clock()
            if at - began >= self._step:
                break
            if at - turn >= self._chunk:
                await asyncio.sleep(0)
                turn, now = clock(), self._clock.now()
        self._offset = arrivals[place - 1].offset
        self._signals.count("correlator_events", place - start)
        self._signals.took("correlator_batch", clock() - began)
        return place

    def _observe(self, arrival: Arrival, now: Micros) -> None:
        event = arrival.event
        if event is None:
            refused = arrival.refused
            key, value = (refused.key, refused.value) if refused else ("", b"")
            self._bury(arrival.offset, key, value, f"not an event: {arrival.problem}", now)
            return
        try:
            self._detection.observe(event, arrival.appended_at, now)
        except Exception as error:
            # One event that no rule author foresaw must not stop all others for ever.
            _log.exception("correlator_event_failed", offset=arrival.offset)
            reason = f"rules failed on it: {type(error).__name__}: {error}"
            self._bury(arrival.offset, event.source, encode_event(event), reason, now)
        else:
            self._newest = event.received_at

    def _bury(self, offset: int, key: str, value: bytes, reason: str, now: Micros) -> None:
        letter = {
            "topic": TOPIC,
            "offset": offset,
            "key": key,
            "reason": reason[:1_000],
            "at": to_rfc3339(now),
            "value": base64.b64encode(value).decode("ascii"),
        }
        self._dead.append(("dead-letters", f"{TOPIC}/{offset}", msgspec.json.encode(letter)))
        self._signals.count("correlator_dead_letters")
        _log.warning("correlator_dead_letter", offset=offset, reason=reason[:200])

    async def _tick(self, stop: asyncio.Event) -> None:
        at = asyncio.get_running_loop().time()
        if at - self._ticked_at < min(1.0, self._lazy):
            return
        self._ticked_at = at
        lag = max(0, await self._bus.end(TOPIC) - self._offset)
        now = self._clock.now()
        self._detection.tick(now, caught_up=lag == 0)
        self._signals.level("correlator_lag", lag)
        self._signals.level("correlator_delay", max(0, now - self._newest) / SECOND if lag and self._newest else 0.0)
        self._signals.level("correlator_groups", len(self._detection.windows))
        self._signals.level("correlator_open_alerts", len(self._detection.suppression))
        self._report_losses()
        await self._save(stop)

    async def _save(self, stop: asyncio.Event, now: bool = False) -> None:
        """Commit cursor, state and alerts; a cursor alone can wait, since replaying what told nothing tells nothing."""
        detection, at = self._detection, asyncio.get_running_loop().time()
        self._acted_at = at
        due = now or at - self._saved_at >= self._lazy
        if detection.changed or self._dead or (due and self._offset > self._committed):
            stamp = self._clock.now()
            alerts = detection.drain()
            puts, deletes = detection.changes(stamp)
            appends = (*(("alerts", a.id, encode(a)) for a in alerts), *self._dead)
            await self._commit(Commit(puts, deletes, appends, ((GROUP, TOPIC, self._offset),)), stop)
            self._dead, self._committed = [], self._offset
            self._count(alerts)
        if due and self._committed > self._trimmed:
            self._saved_at, self._trimmed = at, self._committed
            await self._bus.commit(GROUP, TOPIC, self._committed)

    async def _commit(self, commit: Commit, stop: asyncio.Event) -> None:
        """Commit; while there is no room, wait for it and read nothing.

        FullError when stopped first: nothing is lost, the next start goes on from the last commit.
        """
        full = False
        while True:
            try:
                await self._state.commit(commit)
                break
            except FullError as error:
                if not full:
                    _log.error("correlator_state_full", error=str(error), offset=self._committed)
                    self._signals.level("correlator_full", 1)
                full = True
                if stop.is_set():
                    raise
                await asyncio.sleep(min(1.0, self._lazy))
        if full:
            _log.info("correlator_state_has_room", offset=self._offset)
        self._signals.level("correlator_full", 0)

    def _count(self, alerts: list[Alert]) -> None:
        for level, amount in self._detection.matched.items():
            self._signals.count("correlator_matches", amount, level=level)
        self._detection.matched.clear()
        for alert in alerts:
            self._signals.count("correlator_alerts", level=alert.level, change="new" if alert.revision == 1 else "revised")

    def _report_losses(self) -> None:
        windows = self._detection.windows
        evicted = windows.evicted + self._detection.suppression.evicted + windows.room.dropped
        late, before = windows.late, self._told
        if late > before[0]:
            self._signals.count("correlator_late", late - before[0])
        if evicted > before[1]:
            self._signals.count("correlator_evicted", evicted - before[1])
            _log.warning(
                "correlator_state_evicted", amount=evicted - before[1], why="more open groups, matches or alerts than allowed"
            )
        self._told = (late, evicted)
