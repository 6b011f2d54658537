"""Open alerts: a repeat counts into the alert that is there, instead of making another. Pure.

A repeat of a rule has the same first address, user, host, token and source (``alerts.repeat_key``) and lies within ``window``
of the alert's first event. Revisions are told at the counts 1, 2, 3, 5, 10, 20, 50, 100, 200, 500 …, and otherwise at a tick,
at most every ``pause``, so that a flood of matches does not become a flood of revisions. Counts are always exact in the state
that is saved, and in what is told after ``flush``.
"""

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

from correlator.alerts import (
    EVIDENCE,
    Trace,
    alert_id,
    build,
    merge_entities,
    merge_evidence,
    merge_systems,
    repeat_key,
    trace_of,
)
from correlator.entities import entities_of
from correlator.rule import Correlation, Rule
from correlator.windows import Firing
from model import Alert, Entity, Event, Evidence, Micros
from model.moment import HOUR, MINUTE, SECOND

_pack: Final = msgspec.msgpack.Encoder().encode

Key = tuple[str, tuple[tuple[str, str], ...]]


class Open(msgspec.Struct, array_like=True):
    """An alert that may still grow. ``alert`` is as last told; ``count`` and ``last_at`` are ahead of it when ``owed``.

    ``first_at`` is the event time the window is measured from; ``until`` the watermark after which nothing joins.
    ``told_at`` is wall time.
    """

    alert: Alert
    count: int
    first_at: Micros
    last_at: Micros
    until: Micros
    told_at: Micros
    owed: bool
    serial: int


class Suppression:
    """Open alerts of rules and correlations, at most ``limit`` and ``weight`` characters of excerpts; the idle longest go first.

    Times in µs: ``window`` and ``lateness`` event time, ``pause`` wall time. ``evicted`` counts alerts closed early.
    """

    def __init__(
        self,
        window: Micros = HOUR,
        pause: Micros = 10 * SECOND,
        lateness: Micros = 5 * MINUTE,
        limit: int = 20_000,
        weight: int = 64 << 20,
    ) -> None:
        self.window: Final = window
        self.pause: Final = pause
        self.lateness: Final = lateness
        self.limit: Final = limit
        self.weight: Final = weight
        self.evicted = 0
        self._open: Final[dict[str, Open]] = {}
        self._keys: Final[dict[Key, list[str]]] = {}
        self._ends: list[tuple[Micros, str]] = []
        self._owed: Final[set[str]] = set()
        self._changed: Final[set[str]] = set()
        self._weight = 0
        self._serial = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def changed(self) -> bool:
        """Whether ``changes`` has something to give."""
        return bool(self._changed)

    def take(
        self,
        rule: Rule,
        event: Event,
        stored_at: Micros,
        watermark: Micros,
        now: Micros,
        entities: tuple[Entity, ...] | None = None,
    ) -> list[Alert]:
        """``rule`` held for ``event``: the alerts to tell now (a new one, a revision, or none). ``entities`` when known."""
        entities = entities_of(event) if entities is None else entities
        key = (rule.id, repeat_key(entities))
        at = event.happened_at
        for known in reversed(self._keys.get(key, ())):
            opened = self._open[known]
            if abs(at - opened.first_at) <= self.window:
                trace = trace_of(event, stored_at, entities) if _wants(opened, at) else None
                return self._grow(opened, opened.count + 1, at, [trace] if trace else [], now)
        trace = trace_of(event, stored_at, entities)
        alert = build(rule, key[1], [trace], id=alert_id(rule.id, key[1], event.id), now=now)
        if alert.id in self._open:
            return []
        told = self._make_room(now)
        self._enter(alert, at, self.window, watermark, now)
        return [*told, alert]

    def fire(self, correlation: Correlation, firing: Firing, watermark: Micros, now: Micros) -> list[Alert]:
        """A window fired: the alerts to tell now."""
        opened = self._open.get(firing.id)
        if firing.change == "merged":
            return self._merge(opened, firing, now) if opened is not None else []
        if opened is not None:
            opened.until = max(opened.until, self._until(firing.last_at, correlation.timespan, watermark))
            return self._grow(opened, firing.count, firing.last_at, list(firing.traces), now)
        group = tuple(zip(correlation.group_by, firing.key, strict=True))
        # A revision of an alert closed early: the count is larger than the number of revisions told, so it is a later one.
        revision = 1 if firing.change == "opened" else max(2, firing.count)
        alert = build(
            correlation,
            group,
            firing.traces,
            id=firing.id,
            now=now,
            count=firing.count,
            revision=revision,
            correlation=True,
        )
        told = self._make_room(now)
        self._enter(alert, firing.last_at, correlation.timespan, watermark, now)
        return [*told, alert]

    def tick(self, watermark: Micros, now: Micros) -> list[Alert]:
        """Revisions that waited for ``pause``, and the last ones of alerts that nothing joins any more."""
        told = [self._tell(self._open[id], now) for id in sorted(self._owed) if now - self._open[id].told_at >= self.pause]
        while self._ends and self._ends[0][0] < watermark:
            _, id = heappop(self._ends)
            opened = self._open.get(id)
            if opened is None:
                continue
            if opened.until >= watermark:
                heappush(self._ends, (opened.until, id))
            else:
                told += self._close(opened, now)
        return told

    def flush(self, now: Micros) -> list[Alert]:
        """Every revision still owed."""
        return [self._tell(self._open[id], now) for id in sorted(self._owed)]

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """(alert id, state) of every open alert that changed since the last call; None when it is closed."""
        for id in self._changed:
            opened = self._open.get(id)
            yield id, None if opened is None else _pack(opened)
        self._changed.clear()

    def restore(self, entries: Iterable[tuple[str, bytes]]) -> None:
        """Take back what ``changes`` gave."""
        decode = msgspec.msgpack.Decoder(Open).decode
        for opened in sorted((decode(value) for _, value in entries), key=lambda o: o.serial):
            self._insert(opened)
            self._serial = max(self._serial, opened.serial)
        heapify(self._ends)

    def _grow(self, opened: Open, count: int, at: Micros, traces: list[Trace], now: Micros) -> list[Alert]:
        id = opened.alert.id
        opened.count = count
        opened.last_at = max(opened.last_at, at)
        self._touch(opened)
        if traces:
            self._add(opened, traces)
        opened.owed = True
        self._owed.add(id)
        return [self._tell(opened, now)] if is_told(count, opened.alert.count) else []

    def _add(self, opened: Open, traces: list[Trace]) -> None:
        """Evidence, entities and systems of ``traces`` go into the alert; an earlier event becomes its first."""
        alert = opened.alert
        evidence = merge_evidence(alert.evidence, traces)
        self._weight += _weight(evidence) - _weight(alert.evidence)
        first = min(traces, key=lambda t: (t.happened_at, t.event))
        times: dict[str, Micros] = {}
        if first.happened_at < alert.happened_at:
            times = {"happened_at": first.happened_at, "received_at": first.received_at, "stored_at": first.stored_at}
        opened.alert = msgspec.structs.replace(
            alert,
            evidence=evidence,
            entities=merge_entities(alert.entities, traces),
            systems=merge_systems(alert.systems, traces),
            **times,
        )

    def _tell(self, opened: Open, now: Micros) -> Alert:
        opened.alert = msgspec.structs.replace(
            opened.alert, revision=opened.alert.revision + 1, count=opened.count, last_at=opened.last_at
        )
        opened.told_at, opened.owed = now, False
        self._owed.discard(opened.alert.id)
        self._changed.add(opened.alert.id)
        return opened.alert

    def _merge(self, opened: Open, firing: Firing, now: Micros) -> list[Alert]:
        """The alert turned out to be part of another: its last revision says of which."""
        opened.count, opened.last_at = firing.count, firing.last_at
        opened.alert = msgspec.structs.replace(opened.alert, tags=(*opened.alert.tags, f"merged-into:{firing.into}"))
        return [self._tell(opened, now), *self._close(opened, now)]

    def _enter(self, alert: Alert, at: Micros, window: Micros, watermark: Micros, now: Micros) -> None:
        until = self._until(at, window, watermark)
        opened = Open(alert, alert.count, alert.happened_at, alert.last_at, until, now, False, 0)
        self._insert(opened)
        heappush(self._ends, self._ends.pop())
        self._touch(opened)

    def _until(self, at: Micros, window: Micros, watermark: Micros) -> Micros:
        """A match far in the future or the past keeps its alert open as long as one that is on time."""
        return min(max(at, watermark), watermark + self.lateness) + window

    def _insert(self, opened: Open) -> None:
        alert = opened.alert
        self._open[alert.id] = opened
        self._ends.append((opened.until, alert.id))
        self._weight += _weight(alert.evidence)
        if opened.owed:
            self._owed.add(alert.id)
        if not alert.correlation:
            self._keys.setdefault((alert.rule, alert.group), []).append(alert.id)

    def _touch(self, opened: Open) -> None:
        self._serial += 1
        opened.serial = self._serial
        id = opened.alert.id
        self._open[id] = self._open.pop(id)
        self._changed.add(id)

    def _make_room(self, now: Micros) -> list[Alert]:
        told: list[Alert] = []
        while self._open and (len(self._open) >= self.limit or self._weight > self.weight):
            told += self._close(next(iter(self._open.values())), now)
            self.evicted += 1
        return told

    def _close(self, opened: Open, now: Micros) -> list[Alert]:
        told = [self._tell(opened, now)] if opened.owed else []
        alert = opened.alert
        del self._open[alert.id]
        self._changed.add(alert.id)
        self._weight -= _weight(alert.evidence)
        if not alert.correlation:
            key = (alert.rule, alert.group)
            self._keys[key].remove(alert.id)
            if not self._keys[key]:
                del self._keys[key]
        return told


def is_told(count: int, told: int) -> bool:
    """Whether a count that grew from ``told`` to ``count`` is told at once: it reached 1, 2, 3, 5, 10, 20, 50, 100 …"""
    if count <= 3:
        return count > told
    step = 1
    while step * 10 <= count:
        step *= 10
    mark = step * (5 if count >= 5 * step else 2 if count >= 2 * step else 1)
    return told < mark


def _wants(opened: Open, at: Micros) -> bool:
    return len(opened.alert.evidence) < EVIDENCE or at < opened.alert.happened_at


def _weight(evidence: Iterable[Evidence]) -> int:
    return sum(len(e.excerpt) for e in evidence)
