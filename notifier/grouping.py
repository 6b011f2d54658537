"""Alerts of one somebody within a window are one incident. Pure: alerts in, incidents out, in the topic's order.

Theory:
- An alert joins the oldest open incident it shares a linking entity with, if both were seen within ``window`` of event time of
  each other. Otherwise an alert of at least ``minimum`` opens a new one. An alert that bridges two open incidents joins the
  older; both stay. The entities of alerts of at least ``minimum`` link further alerts: an incident grows.
- A milder alert never opens an incident. It joins one as support when it shares ``support`` entities (2), and then neither
  its entities, its level nor its techniques count; a mild alert that comes before is not fetched back.
- Shared infrastructure must not glue a province together. Configured entities never link (``linking.py``). An own host,
  account or private address that alone brought more than ``busiest`` alerts with somebody new into an incident stops linking
  there, and one that is in more than ``most_incidents`` incidents stops linking at all.
- A newer revision of a known alert updates its incident in place, however old that is; an older one changes nothing. Once
  its incident is forgotten, only revisions never observed before may be given (the loop looks them up).
- Hostile times: an event time more than a day past its detection counts as the detection.
- Bounds: ``most_alerts`` an incident and ``longest`` event time, then a new one begins; ``most_open`` incidents in memory.

An incident's id is uuid5 of its first alert's id, so that the same topic gives the same incidents, whatever was restarted.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID, uuid5

from msgspec.structs import replace

from model import Alert, Incident, Level, Micros, System, rank
from model.moment import DAY, HOUR
from notifier.legal import Legal
from notifier.linking import Unlinkable, link_keys, may_be_shared
from notifier.severity import grade, graver, kind_of, kinds_of, techniques
from notifier.trace import Mark, Trace, decode, decode_mark, encode, lead
from notifier.wording import title, why

NAMESPACE = UUID("5f6f3f52-3f0c-5d2e-9d5a-6b1c3c1f7a10")
SUPPORT = frozenset({"source"})
"""Kinds that do not count towards a supporting alert's shared entities: everything a source writes shares it."""


class Grouping:
    """See the module. ``legal`` grades, ``systems`` is the register (levels and names). Times in microseconds.

    ``crowded`` counts incidents closed early because ``most_open`` were open.
    """

    def __init__(
        self,
        *,
        legal: Legal,
        systems: Sequence[System] = (),
        window: Micros = 4 * HOUR,
        minimum: Level = "medium",
        support: int = 2,
        unlinkable: Sequence[str] = (),
        busiest: int = 25,
        most_incidents: int = 5,
        most_alerts: int = 500,
        longest: Micros = 7 * DAY,
        lateness: Micros = DAY,
        most_open: int = 5_000,
    ) -> None:
        self._legal, self._window, self._minimum, self._support = legal, window, rank(minimum), support
        self._systems = {s.code: s for s in systems}
        self._unlinkable = Unlinkable(unlinkable)
        self._busiest, self._most_incidents, self._most_alerts = busiest, most_incidents, most_alerts
        self._longest, self._lateness, self._most_open = longest, lateness, most_open
        self.crowded = 0
        self.restore(())

    def restore(self, saved: Iterable[bytes], mark: bytes | None = None) -> None:
        """Forget everything and go on from what ``saved(id)`` gave for each open incident and ``mark()`` besides."""
        self._open: dict[str, Trace] = {}
        self._by_key: dict[str, set[str]] = {}
        self._by_alert: dict[str, str] = {}
        self._closed: list[str] = []
        for trace in sorted(map(decode, saved), key=lambda t: t.order):
            self._remember(trace)
        self._mark = decode_mark(mark) if mark else Mark()

    def saved(self, incident: str) -> bytes:
        """State of an open incident, for ``restore``."""
        return encode(self._open[incident])

    def mark(self) -> bytes:
        """The rest of the state, for ``restore``."""
        return encode(self._mark)

    def closed(self) -> tuple[str, ...]:
        """Incidents that stopped growing since the last call: their state may be deleted."""
        done, self._closed = tuple(self._closed), []
        return done

    @property
    def open(self) -> int:
        """How many incidents are remembered."""
        return len(self._open)

    def sends(self, incident: Incident) -> bool:
        """Whether the legal profile wants this incident at the national side."""
        return self._legal.sends(incident.severity)

    def observe(self, alert: Alert) -> Incident | None:
        """The new or revised incident ``alert`` belongs to; None when it is in none or changes nothing."""
        limit = alert.detected_at + DAY
        first = min(alert.happened_at, limit)
        last = max(first, min(alert.last_at, limit))
        self._sweep(min(last, alert.detected_at))
        keys = link_keys(alert.entities, self._unlinkable)
        main = rank(alert.level) >= self._minimum
        trace = self._open.get(self._by_alert.get(alert.id, ""))
        if trace is not None:
            if alert.revision <= trace.known[alert.id]:
                return None
        elif main:
            trace = self._join(keys, first, last) or self._begin(alert, first, last)
        else:
            trace = self._supported(keys, first, last)
        if trace is None:
            return None
        self._take(trace, alert, keys, first, last, main)
        return self._draw(trace)

    def _join(self, keys: Sequence[str], first: Micros, last: Micros) -> Trace | None:
        matching = self._matching(keys, first, last)
        spread = {k: sum(k in shared for _, shared in matching) for k in keys}
        for trace, shared in matching:
            ties = [k for k in shared if not may_be_shared(k) or spread[k] <= self._most_incidents]
            ties = [k for k in ties if trace.alone.get(k, 0) < self._busiest]
            if not ties:
                continue
            for key in ties:
                trace.tied[key] = trace.tied.get(key, 0) + 1
            if len(shared) == 1 and may_be_shared(shared[0]) and len(keys) > 1:
                trace.alone[shared[0]] = trace.alone.get(shared[0], 0) + 1
            return trace
        return None

    def _supported(self, keys: Sequence[str], first: Micros, last: Micros) -> Trace | None:
        telling = [k for k in keys if k.partition(":")[0] not in SUPPORT]
        fits = (t for t, shared in self._matching(telling, first, last) if len(shared) >= self._support)
        return next(fits, None)

    def _matching(self, keys: Sequence[str], first: Micros, last: Micros) -> list[tuple[Trace, list[str]]]:
        """Open incidents with room that share keys within the window, oldest first, each with those keys."""
        ids = {i for key in keys for i in self._by_key.get(key, ())}
        found = []
        for trace in sorted((self._open[i] for i in ids), key=lambda t: t.order):
            if len(trace.lines) < self._most_alerts and abs(last - trace.opened_at) <= self._longest:
                shared = trace.near(keys, first, last, self._window)
                if shared:
                    found.append((trace, shared))
        return found

    def _begin(self, alert: Alert, first: Micros, last: Micros) -> Trace:
        # A late revision of an alert whose incident is long closed must not take that incident's id.
        name = alert.id if alert.revision <= 1 else f"{alert.id}:{alert.revision}"
        id = str(uuid5(NAMESPACE, name))
        if len(self._open) >= self._most_open:
            self.crowded += 1
            self._close(min(self._open.values(), key=lambda t: (t.last_at, t.order)))
        trace = Trace(id, self._mark.next, alert.detected_at, last, first, last, alert.level, lead(alert))
        self._mark = replace(self._mark, next=self._mark.next + 1)
        self._remember(trace)
        return trace

    def _take(self, trace: Trace, alert: Alert, keys: Sequence[str], first: Micros, last: Micros, main: bool) -> None:
        trace.take(alert, first, last, main)
        self._by_alert[alert.id] = trace.id
        if main:
            trace.extend(keys, first, last)
            trace.techniques.update(techniques(alert.tags))
            trace.kinds.update(kinds_of(self._legal, alert.tags))
            for key in keys:
                self._by_key.setdefault(key, set()).add(trace.id)

    def _draw(self, trace: Trace) -> Incident:
        """The next revision of the incident as it now stands."""
        known = sorted((self._systems[c] for c in trace.systems if c in self._systems), key=lambda s: (-s.level, s.row))
        unknown = len(known) < max(1, len(trace.systems))
        top = max([s.level for s in known] + [self._legal.unknown_system_level] * unknown)
        codes = (*(s.code for s in known), *sorted(trace.systems - self._systems.keys()))
        kind = kind_of(self._legal, trace.kinds)
        severity = grade(self._legal, level=trace.level, systems=len(codes), system_level=top, kind=kind)
        trace.severity = graver(severity, trace.severity) if trace.severity else severity
        entities = tuple(trace.entities.values())
        hours = self._window / HOUR
        trace.revision += 1
        return Incident(
            id=trace.id,
            revision=trace.revision,
            severity=trace.severity,
            kind=kind,
            title=title(self._legal.name(kind), trace.lead, known, codes, entities),
            why=why(len(trace.lines), trace.level, sorted(trace.tied.items(), key=lambda t: -t[1]), hours),
            systems=codes,
            entities=entities,
            alerts=tuple(trace.lines.values()),
            detected_at=trace.detected_at,
            first_at=trace.first_at,
            last_at=trace.last_at,
            techniques=tuple(sorted(trace.techniques)),
            evidence=tuple(trace.evidence),
        )

    def _remember(self, trace: Trace) -> None:
        self._open[trace.id] = trace
        for key in trace.seen:
            self._by_key.setdefault(key, set()).add(trace.id)
        for alert in trace.known:
            self._by_alert[alert] = trace.id

    def _sweep(self, at: Micros) -> None:
        """Close what no alert can join any more: its window and the allowed lateness are past."""
        reached = max(self._mark.watermark, at)
        if reached - self._mark.swept < self._window // 8:
            self._mark = replace(self._mark, watermark=reached)
            return
        self._mark = replace(self._mark, watermark=reached, swept=reached)
        horizon = reached - self._window - self._lateness
        for trace in [t for t in self._open.values() if t.last_at < horizon]:
            self._close(trace)

    def _close(self, trace: Trace) -> None:
        del self._open[trace.id]
        self._closed.append(trace.id)
        for key in trace.seen:
            self._by_key[key].discard(trace.id)
            if not self._by_key[key]:
                del self._by_key[key]
        for alert in trace.known:
            self._by_alert.pop(alert, None)
