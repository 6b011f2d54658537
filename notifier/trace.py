"""An open incident as grouping remembers it: what it is made of, so far. Pure."""

from collections.abc import Iterable

import msgspec

from model import Alert, AlertLine, Entity, Evidence, Level, Micros, Severity, rank
from model.moment import to_rfc3339

EXCERPTS = 20
EXCERPT = 520
"""A little more than a report carries: what is masked there must not be cut in half here."""
PER_ALERT = 3
ENTITIES = 500
"""Most entities an incident names; what comes later still links, and ``unnamed`` counts it."""


class Trace(msgspec.Struct):
    """State of one open incident; saved as JSON, restored as it was.

    ``order`` is the place of its first alert in the topic, ``opened_at`` that alert's event time. ``seen`` maps a link key to
    the span of event time it was seen in; ``tied`` counts the alerts a key brought in, ``alone`` those it brought in as the
    only link together with somebody new. ``known`` maps an alert's id to its newest revision.
    """

    id: str
    order: int
    detected_at: Micros
    opened_at: Micros
    first_at: Micros
    last_at: Micros
    level: Level
    lead: str
    revision: int = 0
    lines: dict[str, AlertLine] = {}
    known: dict[str, int] = {}
    seen: dict[str, tuple[Micros, Micros]] = {}
    tied: dict[str, int] = {}
    alone: dict[str, int] = {}
    entities: dict[str, Entity] = {}
    unnamed: int = 0
    systems: set[str] = set()
    techniques: set[str] = set()
    kinds: set[str] = set()
    evidence: list[str] = []
    severity: Severity | None = None

    def near(self, keys: Iterable[str], first: Micros, last: Micros, window: Micros) -> list[str]:
        """Those of ``keys`` that were seen here within ``window`` of [first, last]."""
        spans = ((key, self.seen.get(key)) for key in keys)
        return [key for key, span in spans if span and first <= span[1] + window and last >= span[0] - window]

    def extend(self, keys: Iterable[str], first: Micros, last: Micros) -> None:
        """From now on ``keys`` link here, over [first, last] too."""
        for key in keys:
            low, high = self.seen.get(key, (first, last))
            self.seen[key] = (min(low, first), max(high, last))

    def take(self, alert: Alert, first: Micros, last: Micros, main: bool) -> None:
        """Add an alert, or a newer revision of one. A supporting one (not ``main``) is cited and no more."""
        self.known[alert.id] = alert.revision
        self.lines[alert.id] = AlertLine(
            alert.id, alert.rule, alert.title, alert.level, alert.happened_at, alert.count, alert.title_vi
        )
        self.first_at, self.last_at = min(self.first_at, first), max(self.last_at, last)
        for item in alert.evidence[:PER_ALERT]:
            line = excerpt(item)
            if len(self.evidence) < EXCERPTS and line not in self.evidence:
                self.evidence.append(line)
        if main:
            self._count(alert)

    def _count(self, alert: Alert) -> None:
        self.systems.update(alert.systems)
        for entity in alert.entities:
            if len(self.entities) < ENTITIES:
                self.entities.setdefault(f"{entity.kind}:{entity.value}", entity)
            elif f"{entity.kind}:{entity.value}" not in self.entities:
                self.unnamed += 1
        if rank(alert.level) > rank(self.level):
            self.level, self.lead = alert.level, lead(alert)


def excerpt(item: Evidence) -> str:
    """One line of evidence: when, where, the record; at most EXCERPT characters."""
    head = " ".join(part for part in (to_rfc3339(item.happened_at), item.system, item.host) if part)
    line = f"{head}: {' '.join(item.excerpt.split())}"
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def lead(alert: Alert) -> str:
    """An alert's title in both languages, joined by `` / `` as incident titles are; as it is when it has only one."""
    return f"{alert.title_vi} / {alert.title}" if alert.title_vi else alert.title


class Mark(msgspec.Struct, frozen=True):
    """What grouping remembers besides its open incidents: event time reached, when it last closed some, the next order."""

    watermark: Micros = 0
    swept: Micros = 0
    next: int = 1


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Trace)
_mark = msgspec.json.Decoder(Mark)


def encode(trace: Trace | Mark) -> bytes:
    """For the space ``grouping``."""
    return _encoder.encode(trace)


def decode(value: bytes) -> Trace:
    """Back from the space ``grouping``; msgspec.DecodeError when it is none."""
    return _decoder.decode(value)


def decode_mark(value: bytes) -> Mark:
    """Back from the space ``grouping``; msgspec.DecodeError when it is none."""
    return _mark.decode(value)
