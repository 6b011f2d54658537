"""What is kept of a matched event, and the alert made of it. Pure.

A *trace* is everything an alert needs of one event: windows keep traces, never events.
"""

from collections.abc import Iterable
from typing import Final, Protocol
from uuid import UUID, uuid5

import msgspec

from correlator.entities import LIMIT, entities_of
from model import LEVELS, Alert, Entity, Event, Evidence, Level, Micros

NAMESPACE: Final = UUID("6d1f3c0e-2f0a-5c55-9d3b-7a0c7c1f9a27")
"""Of every alert id. Changing it makes every alert of every installation a new one."""

EVIDENCE: Final = 10
"""Events cited by one alert."""

EXCERPT: Final = 2_000
"""Characters cited of one event."""

SYSTEMS: Final = 16
"""Systems named by one alert."""

DESCRIPTION: Final = 2_000
"""Characters of a rule's description."""

_KEYED: Final = ("ip", "user", "host", "token", "source")


class Meaning(Protocol):
    """What an alert says of its rule: a rule or a correlation, as ``correlator/match.py`` has them."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...


class Trace(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One matched event, as far as an alert needs it. Times as in Alert; ``excerpt`` at most EXCERPT characters."""

    event: str
    happened_at: Micros
    received_at: Micros
    stored_at: Micros
    system: str
    host: str
    entities: tuple[tuple[str, str], ...]
    excerpt: str


def trace_of(event: Event, stored_at: Micros, entities: tuple[Entity, ...] | None = None) -> Trace:
    """The trace of ``event``, durable since ``stored_at``; ``entities`` when they are known already."""
    known = entities_of(event) if entities is None else entities
    return Trace(
        event.id,
        event.happened_at,
        event.received_at,
        stored_at,
        event.system,
        event.host,
        tuple((e.kind, e.value) for e in known),
        event.original[:EXCERPT],
    )


def alert_id(rule: str, group: Iterable[tuple[str, str]], event: str) -> str:
    """Deterministic id: uuid5 of rule, group key and first event id, each length-prefixed so that no two can be confused."""
    parts = [rule, *(text for pair in group for text in pair), event]
    return str(uuid5(NAMESPACE, "".join(f"{len(p)}:{p}" for p in parts)))


def repeat_key(entities: Iterable[Entity]) -> tuple[tuple[str, str], ...]:
    """What makes a repeat of the same rule the same alert: the first address, user, host, token and source of the event."""
    first: dict[str, str] = {}
    for entity in entities:
        if entity.kind in _KEYED:
            first.setdefault(entity.kind, entity.value)
    return tuple(first.items())


def level_of(meaning: Meaning) -> Level:
    """The rule's level; ``medium`` when it names none (Sigma leaves it optional)."""
    for level in LEVELS:
        if level == meaning.level:
            return level
    return "medium"


def build(
    meaning: Meaning,
    group: tuple[tuple[str, str], ...],
    traces: Iterable[Trace],
    *,
    id: str,
    now: Micros,
    count: int = 1,
    revision: int = 1,
    correlation: bool = False,
) -> Alert:
    """The alert of ``meaning`` over ``traces`` (at least one, event time order). ``now`` becomes ``detected_at``."""
    cited = list(traces)
    first = min(cited, key=lambda t: (t.happened_at, t.event))
    return Alert(
        id=id,
        revision=revision,
        rule=meaning.id,
        title=meaning.title,
        level=level_of(meaning),
        entities=merge_entities((), cited),
        systems=merge_systems((), cited),
        count=count,
        happened_at=first.happened_at,
        received_at=first.received_at,
        stored_at=first.stored_at,
        detected_at=now,
        last_at=max(t.happened_at for t in cited),
        evidence=merge_evidence((), cited),
        group=group,
        tags=tuple(meaning.tags),
        description=(getattr(meaning, "description", "") or "")[:DESCRIPTION],
        title_vi=getattr(meaning, "title_vi", ""),
        response=getattr(meaning, "response", ("", "")),
        correlation=correlation,
    )


def evidence_of(trace: Trace) -> Evidence:
    return Evidence(trace.event, trace.happened_at, trace.system, trace.host, trace.excerpt)


def merge_entities(known: Iterable[Entity], traces: Iterable[Trace]) -> tuple[Entity, ...]:
    """``known`` and those of ``traces``: no repeats, first come, at most LIMIT."""
    merged = dict.fromkeys(known)
    for trace in traces:
        if len(merged) >= LIMIT:
            break
        merged.update(dict.fromkeys(Entity(kind, value) for kind, value in trace.entities))
    return tuple(merged)[:LIMIT]


def merge_systems(known: Iterable[str], traces: Iterable[Trace]) -> tuple[str, ...]:
    """``known`` and those of ``traces``: no repeats, none empty, at most SYSTEMS."""
    merged = dict.fromkeys(known)
    merged.update(dict.fromkeys(t.system for t in traces if t.system))
    return tuple(merged)[:SYSTEMS]


def merge_evidence(known: tuple[Evidence, ...], traces: list[Trace]) -> tuple[Evidence, ...]:
    """``known`` first; of more than fit, the earliest and the newest of ``traces`` (which made the rule hold)."""
    room = EVIDENCE - len(known)
    cited = {e.event for e in known}
    fresh = list({t.event: t for t in traces if t.event not in cited}.values())
    if room <= 0 or not fresh:
        return known
    chosen = fresh if len(fresh) <= room else [*fresh[: room - 1], fresh[-1]]
    return (*known, *(evidence_of(t) for t in chosen))
