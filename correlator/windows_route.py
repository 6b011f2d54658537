"""From a match of a rule to the windows it belongs in: which correlations, under which group key, with which value. Pure."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final
from unicodedata import normalize

import msgspec

from correlator.alerts import Trace
from correlator.rule import Correlation
from model import Event, Micros

LONGEST: Final = 128
"""Characters of a key's or value's text; of a longer one the beginning and a hash."""

Get = Callable[[str], Any]


class Match(msgspec.Struct, frozen=True, gc=False):
    """One rule that held, as one correlation sees it.

    ``correlation`` and ``rank`` are indexes: of the correlation, and of the rule in it. ``event`` is the event's id (an alert's
    id when a correlation is the rule). ``key`` are the values of ``group_by``; ``value`` what is counted.
    """

    correlation: int
    rank: int
    event: str
    at: Micros
    key: tuple[str, ...]
    value: str
    trace: Trace


class Route(msgspec.Struct, frozen=True):
    """One rule's way into one correlation. ``key`` and ``value`` are field names, aliases resolved."""

    correlation: int
    rank: int
    key: tuple[str, ...]
    value: tuple[str, ...]
    counts_values: bool

    def match(self, get: Get, event: str, at: Micros, trace: Trace) -> Match | None:
        """The match, or None when a field of the key or value is absent: such an event belongs to no group."""
        key: list[str] = []
        for name in self.key:
            text = key_text(get(name))
            if not text:
                return None
            key.append(text)
        value = RANKS[min(self.rank, len(RANKS) - 1)]
        if self.counts_values:
            value = "\x1f".join(key_text(get(name)) for name in self.value)
            if not value.strip("\x1f"):
                return None
        return Match(self.correlation, self.rank, event, at, tuple(key), value, trace)


RANKS: Final = tuple(str(rank) for rank in range(256))


def routes_of(correlations: Sequence[Correlation]) -> dict[str, tuple[Route, ...]]:
    """Rule id → its routes. The rules of a correlation may be named by id or by ``name`` of another correlation."""
    found: dict[str, list[Route]] = {}
    ids = {c.name: c.id for c in correlations if c.name}
    for index, correlation in enumerate(correlations):
        aliases = {alias: dict(fields) for alias, fields in correlation.aliases}
        for rank, named in enumerate(dict.fromkeys(correlation.rules)):
            rule = ids.get(named, named)
            key = tuple(_field(name, aliases, named) for name in correlation.group_by)
            value = tuple(_field(name, aliases, named) for name in correlation.field)
            found.setdefault(rule, []).append(Route(index, rank, key, value, correlation.type == "value_count"))
    return {rule: tuple(routes) for rule, routes in found.items()}


def _field(name: str, aliases: Mapping[str, Mapping[str, str]], rule: str) -> str:
    return aliases.get(name, {}).get(rule, name)


def getter(event: Event) -> Get:
    """Looks a field up: as named, then dotted into nested objects, then ``host``, ``system``, ``source`` of the event itself."""
    fields = event.fields

    def get(name: str) -> Any:
        if name in fields:
            return fields[name]
        if "." in name:
            value: Any = fields
            for part in name.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if value is not None:
                return value
        return getattr(event, name) if name in ("host", "system", "source") else None

    return get


def key_text(value: Any) -> str:
    """A value as part of a key: lower case and composed (names are written either way), bounded. "" for none."""
    if value is None:
        return ""
    text = (",".join(map(str, value[:32])) if isinstance(value, list) else str(value)).strip().lower()
    if not text.isascii():
        text = normalize("NFC", text[:4_096])
    if len(text) <= LONGEST:
        return text
    return f"{text[:64]}…{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"
