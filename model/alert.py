"""A rule that held, and the alert an analyst sees."""

from typing import Literal, get_args

import msgspec

from model.moment import Micros

Level = Literal["informational", "low", "medium", "high", "critical"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""Sigma levels, mildest first."""


def rank(level: Level) -> int:
    """Place of ``level`` in LEVELS: 0 informational … 4 critical."""
    return LEVELS.index(level)


class Entity(msgspec.Struct, frozen=True, order=True):
    """Somebody or something an alert is about.

    ``kind``: ``host``, ``user``, ``ip``, ``hash``, ``domain``, ``source`` (a log source) or ``token``.
    """

    kind: str
    value: str


class Evidence(msgspec.Struct, frozen=True):
    """One event that an alert rests on: enough to show it when the store is away. ``excerpt`` is cut at 2,000 characters."""

    event: str
    happened_at: Micros
    system: str
    host: str
    excerpt: str


class Alert(msgspec.Struct, frozen=True):
    """One alert. A later revision has the same ``id`` and a higher ``revision``; it never means a second alert.

    ``id`` is uuid5(rule, group key, first event id). ``count`` is how many matches it stands for (repeats are suppressed).
    The four times: ``happened_at`` and ``received_at`` of its first event, ``stored_at`` when that event was durable,
    ``detected_at`` when the rule held. ``last_at`` is the event time of the newest match it stands for.
    ``title_vi`` and ``response`` (what to do: Vietnamese, English) come from rules that have them.
    ``group`` is the suppression key as (field, value) pairs.
    """

    id: str
    revision: int
    rule: str
    title: str
    level: Level
    entities: tuple[Entity, ...]
    systems: tuple[str, ...]
    count: int
    happened_at: Micros
    received_at: Micros
    stored_at: Micros
    detected_at: Micros
    last_at: Micros
    evidence: tuple[Evidence, ...] = ()
    group: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    description: str = ""
    title_vi: str = ""
    response: tuple[str, str] = ("", "")
    correlation: bool = False
