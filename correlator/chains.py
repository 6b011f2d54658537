"""Correlation rules find the rules they refer to; who is referred to stays silent.

Nothing of pySigma is imported: its correlation object is only read.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from correlator.rule import Correlation, Refusal, Rule
from model.moment import SECOND

TYPES: Final = ("event_count", "value_count", "temporal", "temporal_ordered")
_T = TypeVar("_T", Rule, Correlation)


def draft(sigma: Any, content: dict[str, Any]) -> dict[str, Any] | str:
    """The fields of a Correlation that pySigma understood, rules still by the names used; or why it cannot run."""
    kind = sigma.type.name.lower() if sigma.type is not None else ""
    if kind not in TYPES:
        return f"correlation type {kind!r} is not supported: use one of {', '.join(TYPES)}"
    condition = sigma.condition
    if not hasattr(condition, "op"):
        return "correlation conditions that are expressions are not supported: use a count"
    names = tuple(reference.reference for reference in sigma.rules or ())
    if not names:
        return "correlation names no rules: list them under 'rules'"
    fields = condition.fieldref or ()
    if kind == "value_count" and not fields:
        return "value_count needs 'field' in its condition: the field whose values are counted"
    aliases = sigma.aliases.aliases if sigma.aliases is not None else {}
    return {
        "type": kind,
        "rules": names,
        "group_by": tuple(sigma.group_by or ()),
        "timespan": sigma.timespan.seconds * SECOND,
        "condition": (condition.op.name.lower(), condition.count),
        "field": (fields,) if isinstance(fields, str) else tuple(fields),
        "aliases": tuple(
            (alias.alias, tuple((reference.reference, field) for reference, field in alias.mapping.items()))
            for alias in aliases.values()
        ),
        "generate": bool(sigma.generate),
    }


def resolve(drafts: Sequence[Correlation], rules: Sequence[Rule]) -> tuple[list[Correlation], list[Refusal]]:
    """Correlations with ids for names, those referred to before those that refer; and those that find no rule."""
    known = {name: rule.id for rule in reversed(rules) for name in (rule.name, rule.id) if name}
    waiting, done, refused = list(drafts), [], []
    names = {name for one in drafts for name in (one.name, one.id) if name}
    while waiting:
        ready = [one for one in waiting if all(_find(known, name) for name in _names(one))]
        if not ready:
            break
        for one in ready:
            waiting.remove(one)
            done.append(_with_ids(one, known))
            known |= {name: one.id for name in (one.name, one.id) if name}
    for one in waiting:
        lost = next(name for name in _names(one) if not _find(known, name))
        why = "is refused or refers back to this one" if lost in names else "is not among the rules that were read"
        refused.append(Refusal(one.file, one.line, f"correlation refers to rule {lost!r}, which {why}", one.id))
    return done, refused


def _names(one: Correlation) -> list[str]:
    return [*one.rules, *(name for _, mapping in one.aliases for name, _ in mapping)]


def _find(known: dict[str, str], name: str) -> str:
    return known.get(name) or known.get(name.lower(), "")


def _with_ids(one: Correlation, known: dict[str, str]) -> Correlation:
    aliases = tuple((alias, tuple((_find(known, name), field) for name, field in mapping)) for alias, mapping in one.aliases)
    return msgspec.structs.replace(one, rules=tuple(_find(known, name) for name in one.rules), aliases=aliases)


def hushed(correlations: Sequence[Correlation]) -> frozenset[str]:
    """Ids of rules that raise no alert of their own: referred to, and never with ``generate: true``."""
    referred = {rule for one in correlations for rule in one.rules}
    return frozenset(referred - {rule for one in correlations if one.generate for rule in one.rules})


def hush(rule: _T) -> _T:
    """The same rule, raising no alert of its own."""
    return msgspec.structs.replace(rule, alerts=False)
