"""Topic ``alerts`` → entries, incidents and outbox, each batch in one commit with its cursor.

What a batch writes: space ``alerts`` (newest revision of each), space and topic ``incidents``, space ``outbox`` (what
``delivery.py`` has to bring to the national side), space ``grouping`` (open incidents, to go on after a restart).
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from backbone.codec import decode_alert, decode_delivery, encode
from backbone.ports import Bus, Clock, Commit, Put, Record, StateStore
from backbone.signals import Signals
from model import Alert, ConflictError, Delivery, Incident, Micros
from notifier.grouping import Grouping

GROUP = "notify"
MARK = "mark"
_log = structlog.get_logger()

RESTS: Final = 5
"""After a step, rest so many times as long as it took: next to nothing while incidents are small."""
LONGEST_REST: Final = 0.5
"""Seconds."""


class Notify:
    """One reader of topic ``alerts``; run one of them. ``batch`` in records, ``wait`` in seconds for the first of a batch."""

    def __init__(
        self,
        *,
        bus: Bus,
        state: StateStore,
        grouping: Grouping,
        clock: Clock,
        signals: Signals,
        batch: int = 200,
        wait: float = 0.05,
    ) -> None:
        self._bus, self._state, self._grouping, self._clock, self._signals = bus, state, grouping, clock, signals
        self._batch, self._wait = batch, wait
        self._crowded = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``. Starts from what is durable, so it may be run again after a crash."""
        await self._restore()
        after = await self._state.position(GROUP, "alerts")
        while not stop.is_set():
            records = await self._bus.read("alerts", after, self._batch, self._wait)
            if records:
                began = asyncio.get_running_loop().time()
                await self._step(records)
                after = records[-1].offset
                await self._rest(asyncio.get_running_loop().time() - began, stop)

    async def _rest(self, took: float, stop: asyncio.Event) -> None:
        """Let more alerts come together: a large incident costs as much to write for one of them as for a hundred."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(RESTS * took, LONGEST_REST))

    async def _restore(self) -> None:
        saved = {entry.key: entry.value async for entry in await self._state.scan("grouping")}
        mark = saved.pop(MARK, None)
        self._grouping.restore(saved.values(), mark)
        self._crowded = self._grouping.crowded

    async def _step(self, records: Sequence[Record]) -> None:
        alerts, dead = await self._fresh(records)
        incidents: dict[str, Incident] = {}
        for alert in alerts.values():
            incident = self._grouping.observe(alert)
            if incident is not None:
                incidents[incident.id] = incident
            self._signals.count("notifier_alerts", level=alert.level, grouped="yes" if incident else "no")
        closed = self._grouping.closed()
        puts = [Put("alerts", a.id, encode(a), a.detected_at) for a in alerts.values()]
        puts += [Put("incidents", i.id, encode(i), i.detected_at) for i in incidents.values()]
        puts += [Put("grouping", i, self._grouping.saved(i)) for i in incidents if i not in closed]
        puts.append(Put("grouping", MARK, self._grouping.mark()))
        commit = Commit(
            puts=tuple(puts),
            deletes=tuple(("grouping", i) for i in closed),
            appends=(*(("incidents", i.id, encode(i)) for i in incidents.values()), *dead),
            cursors=((GROUP, "alerts", records[-1].offset),),
        )
        new = await self._commit(commit, incidents)
        self._tell(incidents, new)

    async def _fresh(self, records: Sequence[Record]) -> tuple[dict[tuple[str, int], Alert], list[tuple[str, str, bytes]]]:
        """Alerts that say something new, in order, and what cannot be read (for ``dead-letters``)."""
        fresh: dict[tuple[str, int], Alert] = {}
        newest: dict[str, int] = {}
        dead = []
        for record in records:
            try:
                alert = decode_alert(record.value)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                dead.append(("dead-letters", record.key, record.value))
                self._signals.count("notifier_unreadable")
                _log.error("a record of topic alerts is no alert; kept in dead-letters", offset=record.offset, error=str(error))
                continue
            if alert.id not in newest:
                entry = await self._state.get("alerts", alert.id)
                newest[alert.id] = decode_alert(entry.value).revision if entry else 0
            if alert.revision > newest[alert.id]:
                newest[alert.id] = alert.revision
                fresh[alert.id, alert.revision] = alert
        return fresh, dead

    async def _commit(self, commit: Commit, incidents: Mapping[str, Incident]) -> set[str]:
        """Commit with the outbox entries; the delivery may write those meanwhile, so try until nobody did. Returns new ones."""
        while True:
            puts, new = [], set()
            for incident in incidents.values():
                entry = await self._state.get("outbox", incident.id)
                now = self._clock.now()
                old = decode_delivery(entry.value) if entry else None
                delivery = outbox(incident, old, now, self._grouping.sends(incident))
                puts.append(Put("outbox", incident.id, encode(delivery), delivery.due_at, entry.version if entry else 0))
                if entry is None:
                    new.add(incident.id)
            try:
                await self._state.commit(msgspec.structs.replace(commit, puts=commit.puts + tuple(puts)))
            except ConflictError:
                self._signals.count("notifier_commit_repeats")
                continue
            return new

    def _tell(self, incidents: Mapping[str, Incident], new: set[str]) -> None:
        for incident in incidents.values():
            name = "notifier_incidents" if incident.id in new else "notifier_incident_revisions"
            self._signals.count(name, severity=incident.severity)
            if incident.id in new:
                _log.info("incident", id=incident.id, severity=incident.severity, kind=incident.kind, systems=incident.systems)
        self._signals.level("notifier_open_incidents", self._grouping.open)
        if crowded := self._grouping.crowded - self._crowded:
            self._crowded += crowded
            self._signals.count("notifier_crowded", crowded)
            _log.warning("too many open incidents: the quietest stopped growing", closed=crowded)


def outbox(incident: Incident, old: Delivery | None, now: Micros, send: bool) -> Delivery:
    """The outbox entry after this revision. A new incident is due at once, a later revision no earlier than ``old`` says.

    What a refusal stopped is tried again with the new revision; what is registered only is ``held`` until graded up.
    """
    if old is None:
        return Delivery(incident.id, incident.revision, due_at=now, state="waiting" if send else "held")
    wanted = max(old.wanted, incident.revision)
    if not send and old.sent == 0:
        return replace(old, wanted=wanted, state="held")
    if old.state == "waiting":
        return replace(old, wanted=wanted)
    attempts = 0 if old.state == "refused" else old.attempts
    return replace(old, wanted=wanted, state="waiting", attempts=attempts, due_at=max(old.due_at, now))
