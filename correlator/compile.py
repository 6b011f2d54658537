"""pySigma's rules → predicates, trees and pattern databases: plain values that a Matcher runs and a file can keep.

What a value means is decided here and in ``predicates.py``; the corner cases are pinned by ``tests/correlator/corners_test.py``.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sigma.conditions import ConditionAND
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from correlator import chains, patterns
from correlator.condition import ConditionError, read
from correlator.load import Loaded
from correlator.predicates import KEYWORDS, Predicate, pattern
from correlator.rule import Compiled, Correlation, Database, Refusal, Rule, RuleSource
from correlator.rulefiles import Document
from correlator.text import fold, plain, scalar
from correlator.tree import All, Node, Not, Some, leaves, shape
from model import LEVELS, Level

Progress = Callable[[str, int, int], None]
"""Called with (what, done, of)."""

_OPERATORS: Final = {
    CompareOperators.LT: "lt",
    CompareOperators.LTE: "lte",
    CompareOperators.GT: "gt",
    CompareOperators.GTE: "gte",
}
_FLAGS: Final = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_MAX_LEAVES: Final = 20_000


class Unrunnable(ValueError):
    """A rule was read, but something it asks for cannot be done. One sentence."""


class _Predicates:
    """Numbers predicates, each once."""

    def __init__(self) -> None:
        self.places: dict[Predicate, int] = {}
        self._checked: dict[Predicate, str | None] = {}

    def leaf(self, predicate: Predicate) -> int:
        if predicate.kind == "regex":
            if predicate not in self._checked:
                self._checked[predicate] = patterns.refuse((0, "regex", predicate.value, predicate.flags))
            why = self._checked[predicate]
            if why:
                raise Unrunnable(why)
        return self.places.setdefault(predicate, len(self.places))


def compile_rules(loaded: Loaded, progress: Progress | None = None) -> Compiled:
    """Everything a Matcher needs. What cannot run is in ``refused``, with file and line."""
    tell = progress or (lambda what, done, of: None)
    known = _Predicates()
    rules: list[Rule] = []
    trees: list[Node] = []
    refused, warnings = list(loaded.refused), list(loaded.warnings)
    seen: dict[str, tuple[str, int]] = {}
    for number, (sigma, document, identity) in enumerate(loaded.rules):
        if number % 50 == 0:
            tell("compile", number, len(loaded.rules))
        problem = _duplicate(seen, identity, document)
        if problem is None:
            try:
                tree = shape(_tree(sigma, known))
            except (Unrunnable, ConditionError, ValueError, RecursionError) as error:
                line = document.line_of("detection", *(("condition",) if isinstance(error, ConditionError) else ()))
                problem = Refusal(document.file, line, str(error).split("\n", 1)[0], identity)
            else:
                rules.append(_rule(document, identity))
                trees.append(tree)
        if problem is not None:
            refused.append(problem)
    correlations, problems = _correlations(loaded, rules, seen)
    refused += problems
    hushed = chains.hushed(correlations)
    predicates, trees = _renumber(known, trees)
    return Compiled(
        rules=tuple(chains.hush(rule) if rule.id in hushed else rule for rule in rules),
        trees=tuple(trees),
        predicates=predicates,
        databases=tuple(_databases(predicates, _keywords(rules, trees, predicates), tell)),
        correlations=tuple(chains.hush(one) if one.id in hushed else one for one in correlations),
        refused=tuple(refused),
        warnings=tuple(warnings),
    )


def _duplicate(seen: dict[str, tuple[str, int]], identity: str, document: Document) -> Refusal | None:
    first = seen.setdefault(identity, (document.file, document.line))
    if first == (document.file, document.line):
        return None
    return Refusal(document.file, document.line_of("id"), f"id {identity} is already used by {first[0]}:{first[1]}", identity)


def _renumber(known: _Predicates, trees: list[Node]) -> tuple[tuple[Predicate, ...], list[Node]]:
    """Drop predicates that only refused rules had asked for."""
    used = sorted({leaf for tree in trees for leaf in leaves(tree)})
    place = {old: new for new, old in enumerate(used)}
    listed = list(known.places)

    def move(node: Node) -> Node:
        if isinstance(node, int):
            return place[node]
        if isinstance(node, Not):
            return Not(move(node.of))
        return type(node)(tuple(move(part) for part in node.of))

    return tuple(listed[old] for old in used), [move(tree) for tree in trees]


def _tree(rule: SigmaRule, known: _Predicates) -> Node:
    detections = rule.detection.detections
    cache: dict[str, Node] = {}

    def leaf(name: str) -> Node:
        if name not in cache:
            cache[name] = _detection(detections[name], known)
        return cache[name]

    conditions = rule.detection.condition
    for condition in conditions:
        if not isinstance(condition, str):
            raise ConditionError(f"condition {condition!r} is no text: write the names of detections")
    tree = Some(tuple(read(condition, tuple(detections), leaf) for condition in conditions))
    if sum(1 for _ in leaves(tree)) > _MAX_LEAVES:
        raise Unrunnable(f"rule has more than {_MAX_LEAVES} tests: split it")
    return tree


def _detection(detection: SigmaDetection, known: _Predicates) -> Node:
    parts = tuple(
        _detection(part, known) if isinstance(part, SigmaDetection) else _item(part, known) for part in detection.detection_items
    )
    return All(parts) if detection.item_linking is ConditionAND else Some(parts)


def _item(item: SigmaDetectionItem, known: _Predicates) -> Node:
    values: Sequence[Any] = item.value or [SigmaNull()]
    parts = tuple(_value(item.field or KEYWORDS, value, known) for value in values)
    node: Node = All(parts) if item.value_linking is ConditionAND else Some(parts)
    return Not(node) if item.negated else node


def _value(field: str, value: Any, known: _Predicates) -> Node:
    if isinstance(value, SigmaExpansion):
        return Some(tuple(_value(field, one, known) for one in value.values))
    if isinstance(value, SigmaExists):
        there = known.leaf(Predicate(field, "exists"))
        return there if value.exists else Not(there)
    predicate = _predicate(field, value)
    if field == KEYWORDS and predicate.kind in ("null", "fieldref"):
        raise Unrunnable(f"{predicate.kind} needs a field: keywords look at all values")
    return known.leaf(predicate)


def _predicate(field: str, value: Any) -> Predicate:
    if isinstance(value, SigmaString):
        return _string(field, value)
    if isinstance(value, SigmaTimestampPart):
        return Predicate(field, value.timestamp_part.name.lower(), str(int(value.number)))
    if isinstance(value, SigmaNumber):
        return _text(field, scalar(value.number) or "")
    if isinstance(value, SigmaBool):
        return _text(field, "true" if value.boolean else "false")
    if isinstance(value, SigmaNull):
        return Predicate(field, "null")
    if isinstance(value, SigmaRegularExpression):
        flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
        if value.contains_placeholder():
            raise Unrunnable("a placeholder in a regular expression has no value: set it in rules.placeholders")
        return Predicate(field, "regex", plain(str(value.regexp)), flags)
    if isinstance(value, SigmaCIDRExpression):
        return Predicate(field, "cidr", str(value.network))
    if isinstance(value, SigmaCompareExpression) and value.op in _OPERATORS:
        return Predicate(field, _OPERATORS[value.op], scalar(value.number.number) or "")
    if isinstance(value, SigmaFieldReference):
        return Predicate(field, "fieldref", value.field, "^" * value.starts_with + "$" * value.ends_with)
    raise Unrunnable(f"values of type {type(value).__name__} cannot be matched")


def _text(field: str, text: str) -> Predicate:
    if field == KEYWORDS:
        return Predicate(field, "glob", f"*{patterns.literal_glob(fold(text))}*")
    return Predicate(field, "equal", fold(text))


def _string(field: str, value: SigmaString) -> Predicate:
    cased = isinstance(value, SigmaCasedString)
    glob, wild = "", False
    for part in value.s:
        if isinstance(part, Placeholder):
            raise Unrunnable(f"placeholder %{part.name}% has no value: set it in rules.placeholders")
        if isinstance(part, SpecialChars):
            wild = True
            glob += "*" if part is SpecialChars.WILDCARD_MULTI else "?"
            continue
        text = plain(_marked(part))
        glob += patterns.literal_glob(text if cased else fold(text))
    if field == KEYWORDS:
        glob, wild = f"*{glob}*", True
    if not wild:
        text = "".join(text for _, text in patterns.parts(glob))
        return Predicate(field, "equal", text, "c" if cased else "")
    glob = patterns.tidy(glob)
    return Predicate(field, "some") if glob == "*" else Predicate(field, "glob", glob, "c" if cased else "")


def _marked(text: str) -> str:
    if text.startswith("\udcff\udcfe"):
        text = "\ufeff" + text[2:]
    if any("\udc80" <= char <= "\udcff" for char in text):
        raise Unrunnable("bytes that are no text can only be looked for in base64: add the modifier base64offset")
    return text


def _databases(predicates: Sequence[Predicate], keywords: dict[str, list[int]], tell: Progress) -> list[Database]:
    fields: dict[str, list[patterns.Pattern]] = {}
    for place, predicate in enumerate(predicates):
        if predicate.kind in patterns.KINDS and predicate.field != KEYWORDS:
            fields.setdefault(predicate.field, []).append(pattern(place, predicate))
    made: list[Database] = []
    for number, (field, wanted) in enumerate(sorted(fields.items())):
        tell("patterns", number, len(fields))
        taken, checked = patterns.split(wanted) if patterns.available() else ([], [])
        made.append(Database(field, patterns.build(taken), tuple(p[0] for p in checked)))
    for product, places in sorted(keywords.items()):
        together = [
            pattern(place, predicates[place])
            for place in places
            if patterns.joinable(predicates[place].kind, predicates[place].value)
        ]
        taken, checked = patterns.split(together, True) if patterns.available() else ([], together)
        alone = {*places} - {p[0] for p in taken}
        made.append(Database(KEYWORDS, patterns.build(taken, True), tuple(sorted(alone)), product, tuple(places)))
    return made


def _keywords(rules: Sequence[Rule], trees: Sequence[Node], predicates: Sequence[Predicate]) -> dict[str, list[int]]:
    """product → its keyword predicates."""
    found: dict[str, set[int]] = {}
    for rule, tree in zip(rules, trees, strict=True):
        for leaf in leaves(tree):
            if predicates[leaf].field == KEYWORDS:
                found.setdefault(rule.logsource.product, set()).add(leaf)
    return {product: sorted(places) for product, places in found.items()}


def _rule(document: Document, identity: str) -> Rule:
    content = document.content
    source = content.get("logsource") or {}
    return Rule(
        id=identity,
        title=_line_of_text(content.get("title")) or identity,
        level=level_of(content),
        file=document.file,
        line=document.line,
        name=_line_of_text(content.get("name")),
        status=_line_of_text(content.get("status")),
        tags=_texts(content.get("tags")),
        description=_line_of_text(content.get("description")),
        author=_line_of_text(content.get("author")),
        logsource=RuleSource(*(_line_of_text(source.get(key)).lower() for key in ("product", "category", "service"))),
        falsepositives=_texts(content.get("falsepositives")),
        fields=_texts(content.get("fields")),
        references=_texts(content.get("references")),
        title_vi=_line_of_text(content.get("title_vi")),
        response=_response(content),
    )


def level_of(content: dict[str, Any]) -> Level:
    """A rule's level; ``medium`` when it names none that Sigma knows."""
    found = str(content.get("level", "medium")).lower()
    return next((level for level in LEVELS if level == found), "medium")


def _line_of_text(value: Any) -> str:
    return str(value).strip() if value is not None and not isinstance(value, (dict, list)) else ""


def _response(content: dict[str, Any]) -> tuple[str, str]:
    """What to do, in Vietnamese and English: our own custom attribute ``response``."""
    given = content.get("response")
    vi, en = (_line_of_text(given.get(key)) for key in ("vi", "en")) if isinstance(given, dict) else ("", "")
    return vi, en


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(str(one) for one in values if not isinstance(one, (dict, list)))


def _correlations(loaded: Loaded, rules: list[Rule], seen: dict[str, tuple[str, int]]) -> tuple[list[Correlation], list[Refusal]]:
    drafts: list[Correlation] = []
    problems: list[Refusal] = []
    for sigma, document, identity in loaded.correlations:
        problem = _duplicate(seen, identity, document)
        if problem is None:
            made = chains.draft(sigma, document.content)
            if isinstance(made, str):
                problem = Refusal(document.file, document.line_of("correlation"), made, identity)
            else:
                content = document.content
                drafts.append(
                    Correlation(
                        id=identity,
                        name=_line_of_text(content.get("name")),
                        title=_line_of_text(content.get("title")) or identity,
                        level=level_of(content),
                        file=document.file,
                        line=document.line,
                        tags=_texts(content.get("tags")),
                        description=_line_of_text(content.get("description")),
                        status=_line_of_text(content.get("status")),
                        author=_line_of_text(content.get("author")),
                        falsepositives=_texts(content.get("falsepositives")),
                        references=_texts(content.get("references")),
                        title_vi=_line_of_text(content.get("title_vi")),
                        response=_response(content),
                        **made,
                    )
                )
        if problem is not None:
            problems.append(problem)
    resolved, unresolved = chains.resolve(drafts, rules)
    return resolved, problems + unresolved
