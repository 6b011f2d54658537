"""Predicates: one test of one field, shared by all rules that make it, and what is true of a value.

kinds
- ``equal``: the text is ``value``;  ``glob``: it is like ``value`` (``*``, ``?``, each escaped by ``\\``)
- ``regex``: ``value`` is found in it (Python syntax, ASCII classes; flags ``i``, ``m``, ``s``);  ``some``: there is a text
- ``lt lte gt gte``: it is a number and …;  ``cidr``: it is an address in the network
- ``minute hour day week month year``: it is a time and that part of it is ``value`` (as written: no zone conversion)
- ``null``: missing or null;  ``exists``: the field is there, whatever it holds
- ``fieldref``: it is the text of the field ``value`` (flags ``^`` begins with it, ``$`` ends with it, both: contains it)

Flag ``c``: letters' case counts. Field ``""`` means keywords: any value of the event.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from operator import ge, gt, le, lt
from typing import Any, Final

import msgspec

from correlator.patterns import KINDS, Pattern, Patterns
from correlator.text import fold, number, scalar, words

KEYWORDS: Final = ""
PARTS: Final = ("minute", "hour", "day", "week", "month", "year")
ABSENT: Final = object()
"""The value of a field that an event does not have."""

_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {"lt": lt, "lte": le, "gt": gt, "gte": ge}


class Predicate(msgspec.Struct, frozen=True, array_like=True):
    """One test. See the module for ``kind``, ``value`` and ``flags``."""

    field: str
    kind: str
    value: str = ""
    flags: str = ""


def pattern(place: int, predicate: Predicate) -> Pattern:
    """A ``glob`` or ``regex`` as ``patterns.py`` takes it."""
    return place, predicate.kind, predicate.value, predicate.flags


def test(predicate: Predicate) -> Callable[[str], bool]:
    """A predicate on text that is no pattern and no equality, as a function."""
    kind, value = predicate.kind, predicate.value
    if kind in _COMPARE:
        return _comparison(_COMPARE[kind], number(value))
    if kind == "cidr":
        return _network(value)
    if kind in PARTS:
        return _moment(kind, int(value))
    if kind == "some":
        return lambda text: True
    raise ValueError(f"no test for {kind}")


def _comparison(operator: Callable[[Any, Any], bool], limit: int | float | None) -> Callable[[str], bool]:
    def compare(text: str) -> bool:
        found = number(text)
        return found is not None and operator(found, limit)

    return compare


def _network(value: str) -> Callable[[str], bool]:
    network = ip_network(value)
    version, first, last = network.version, int(network.network_address), int(network.broadcast_address)

    def inside(text: str) -> bool:
        return any(v == version and first <= n <= last for v, n in addresses(text))

    return inside


@lru_cache(maxsize=1024)
def addresses(text: str) -> tuple[tuple[int, int], ...]:
    """(version, number) of an address; a v4-mapped IPv6 address is also the IPv4 address. Empty when it is none."""
    if len(text) > 64:
        return ()
    try:
        address = ip_address(text.strip())
    except ValueError:
        return ()
    found = [(address.version, int(address))]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        found.append((4, int(address.ipv4_mapped)))
    return tuple(found)


def moment(text: str) -> datetime | None:
    """A time as written: ISO 8601, or seconds, milliseconds or microseconds since 1970 (UTC)."""
    if len(text) > 64:
        return None
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        seconds = number(text)
    if seconds is None or abs(seconds) > 1e17:
        return None
    while abs(seconds) > 1e11:
        seconds = seconds / 1000
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _moment(part: str, wanted: int) -> Callable[[str], bool]:
    def is_then(text: str) -> bool:
        at = moment(text)
        if at is None:
            return False
        return (at.isocalendar().week if part == "week" else getattr(at, part)) == wanted

    return is_then


class FieldIndex:
    """All predicates of one field, arranged so that what is true of a value costs one look-up and one scan."""

    def __init__(self, predicates: Iterable[tuple[int, Predicate]], patterns: Patterns | None) -> None:
        self._equal: dict[str, tuple[int, ...]] = {}
        self._exact: dict[str, tuple[int, ...]] = {}
        self._tests: list[tuple[int, Callable[[str], bool]]] = []
        self._patterns = patterns
        null: set[int] = set()
        exists: set[int] = set()
        for place, predicate in predicates:
            if predicate.kind == "equal":
                table = self._exact if "c" in predicate.flags else self._equal
                table[predicate.value] = (*table.get(predicate.value, ()), place)
            elif predicate.kind in ("null", "exists"):
                (null if predicate.kind == "null" else exists).add(place)
            elif predicate.kind not in (*KINDS, "fieldref"):
                self._tests.append((place, test(predicate)))
        self._null = frozenset(null)
        self._exists = frozenset(exists)

    def truths(self, value: object) -> frozenset[int]:
        """Numbers of the predicates that are true of a field's value (or of ABSENT)."""
        if value is ABSENT:
            return self._null
        if isinstance(value, (list, tuple)):
            found: set[int] = set(self._exists) if value else set(self._exists | self._null)
            for part in value:
                found |= self._null if part is None else self.true_of(words(part))
            return frozenset(found)
        if value is None:
            return self._null | self._exists
        text = scalar(value)
        return self._exists.union(self.true_of_text(text)) if text is not None else self._exists

    def true_of(self, found: list[str]) -> set[int]:
        """Predicates true of at least one of these texts."""
        true: set[int] = set()
        for text in found:
            true.update(self.true_of_text(text))
        return true

    def true_of_text(self, text: str) -> list[int]:
        """Predicates true of one plain text; may name one twice."""
        folded = fold(text)
        true: list[int] = self._patterns.hits(text, folded) if self._patterns is not None else []
        true.extend(self._equal.get(folded, ()))
        if self._exact:
            true.extend(self._exact.get(text, ()))
        for place, check in self._tests:
            if check(text):
                true.append(place)
        return true


def refers(predicate: Predicate, left: object, right: object) -> bool:
    """``fieldref``: does any text of ``left`` relate to any text of ``right``? A missing side is never true."""
    if left is ABSENT or right is ABSENT:
        return False
    starts, ends = "^" in predicate.flags, "$" in predicate.flags
    others = [fold(text) for text in words(right)]
    for text in map(fold, words(left)):
        for other in others:
            if starts and ends:
                hit = other in text
            else:
                hit = text.startswith(other) if starts else text.endswith(other) if ends else text == other
            if hit:
                return True
    return False
