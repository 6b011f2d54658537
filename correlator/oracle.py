"""The naive evaluator: one rule, one event, no index, no memory. What the matcher must agree with, and what explains it."""

import re
from collections.abc import Sequence
from datetime import datetime
from fnmatch import translate
from ipaddress import ip_address, ip_network
from typing import Any

from correlator.logsource import fits
from correlator.predicates import ABSENT, KEYWORDS, PARTS, Predicate, moment
from correlator.regex import flags_of
from correlator.rule import Compiled
from correlator.text import flat, fold, number, parents, scalar
from correlator.tree import holds
from model import Event


def evaluate(compiled: Compiled, event: Event) -> list[int]:
    """Places of all rules that hold for the event, ascending."""
    fields = parents(event.fields) if event.format == "json" else event.fields
    return [
        place
        for place, rule in enumerate(compiled.rules)
        if fits(rule.logsource, event.logsource) and rule_holds(compiled, place, fields)
    ]


def rule_holds(compiled: Compiled, place: int, fields: dict[str, Any]) -> bool:
    """Does one rule's condition hold for these fields, whatever their log source?"""
    nested = flat(fields)
    return holds(compiled.trees[place], lambda leaf: is_true(compiled.predicates[leaf], nested))


def is_true(predicate: Predicate, fields: dict[str, Any]) -> bool:
    """One predicate of one event (``fields`` with dotted names reachable, see ``text.flat``)."""
    if predicate.field == KEYWORDS:
        return any(_text_is(predicate, text) for value in fields.values() for text in _every_text(value))
    value = fields.get(predicate.field, ABSENT)
    if predicate.kind == "exists":
        return value is not ABSENT
    if predicate.kind == "null":
        return value is ABSENT or value is None or (isinstance(value, (list, tuple)) and (not value or None in value))
    if value is ABSENT:
        return False
    if predicate.kind == "fieldref":
        other = fields.get(predicate.value, ABSENT)
        return other is not ABSENT and any(
            _refers(predicate.flags, fold(one), fold(two)) for one in _texts(value) for two in _texts(other)
        )
    return any(_text_is(predicate, text) for text in _texts(value))


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in _texts(part)]
    text = scalar(value)
    return [] if text is None else [text]


def _every_text(value: Any) -> list[str]:
    if isinstance(value, (list, tuple, dict)):
        return [text for part in (value.values() if isinstance(value, dict) else value) for text in _every_text(part)]
    text = scalar(value)
    return [] if text is None else [text]


def _refers(flags: str, one: str, two: str) -> bool:
    if flags == "^$":
        return two in one
    return one.startswith(two) if flags == "^" else one.endswith(two) if flags == "$" else one == two


def _text_is(predicate: Predicate, text: str) -> bool:
    kind, value = predicate.kind, predicate.value
    if kind == "regex":
        return re.search(value, text, flags_of(value, predicate.flags)) is not None
    if kind in ("equal", "glob"):
        seen = text if "c" in predicate.flags else fold(text)
        return seen == value if kind == "equal" else _like(value, seen)
    if kind == "some":
        return True
    if kind == "cidr":
        return _inside(text, value)
    if kind in PARTS:
        at = moment(text)
        return at is not None and _part(at, kind) == int(value)
    found, limit = number(text), number(value)
    if found is None or limit is None:
        return False
    return {"lt": found < limit, "lte": found <= limit, "gt": found > limit, "gte": found >= limit}[kind]


def _like(glob: str, text: str) -> bool:
    escaped = re.sub(
        r"\\(.)|(\[)", lambda found: f"[{found[1]}]" if found[1] and found[1] in "*?" else found[1] or "[[]", glob, flags=re.S
    )
    return re.match(translate(escaped), text) is not None


def _inside(text: str, network: str) -> bool:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any(one is not None and one in ip_network(network) for one in (address, mapped))


def _part(at: datetime, kind: str) -> int:
    return at.isocalendar().week if kind == "week" else int(getattr(at, kind))
