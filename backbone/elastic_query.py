"""Queries as Elasticsearch's query DSL over the terms of ``elastic_terms``. Values never become syntax. Pure.

A condition is translated twice: ``over`` finds every event that may hold, ``under`` only events that surely hold. What lies
between is fetched and decided by ``query.holds``. Most queries have nothing between: the two differ only for events with values
too long to be terms, and for free text of more than one word.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias, assert_never

from backbone.elastic_terms import CUT, EMPTY, ESCAPED, LONG, MORE, MOST_VALUE, TEXT, name, sortable
from backbone.query_nodes import (
    And,
    Between,
    Exists,
    Field,
    FreeText,
    Moments,
    Node,
    Not,
    Numbers,
    Or,
    Pattern,
    Term,
    Wild,
)

Query: TypeAlias = dict[str, Any]
_ValueNode: TypeAlias = Term | Pattern | Between | Numbers

TERMS: Final = "vonggac.terms"
ORIGINAL: Final = "event.original"
FOLDED: Final = "vonggac.text"
TIMES: Final = {"happened_at": "vonggac.happened", "received_at": "vonggac.received"}
ALL: Final[Query] = {"match_all": {}}
NONE: Final[Query] = {"match_none": {}}

_LATIN: Final = "0-9a-z_\u00df-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_words = re.compile(f"[{_LATIN}]+")
_MOST_ONES: Final = 4
_MOST_LITERAL: Final = 100
"""Characters of a pattern or bound: Lucene makes automata of at most 1,000 bytes, and in a bounded effort."""
_LONGEST: Final = 2**63 - 1


def over(node: Node) -> Query:
    """Finds every event that holds, and maybe more."""
    return _query(node, True)


def under(node: Node) -> Query:
    """Finds only events that hold, maybe not all."""
    return _query(node, False)


def between(since: int, until: int, field: str = TIMES["happened_at"]) -> Query:
    """A time in [``since``, ``until``)."""
    low, high = max(-_LONGEST, min(since, _LONGEST)), max(-_LONGEST, min(until, _LONGEST))
    return {"range": {field: {"gte": low, "lt": high}}}


def _query(node: Node, wide: bool) -> Query:
    match node:
        case And():
            return _all([_query(part, wide) for part in node.parts])
        case Or():
            return _any([_query(part, wide) for part in node.parts])
        case Not():
            return _not(_query(node.part, not wide))
        case Moments():
            return between(node.since, node.until, TIMES[node.attribute])
        case FreeText():
            return _free(node, wide)
        case Exists() | Term() | Pattern() | Between() | Numbers():
            return _field(node, wide)
        case _:
            assert_never(node)


def _all(parts: Sequence[Query]) -> Query:
    if NONE in parts:
        return NONE
    found = [part for part in parts if part != ALL]
    return ALL if not found else found[0] if len(found) == 1 else {"bool": {"filter": found}}


def _any(parts: Sequence[Query]) -> Query:
    if ALL in parts:
        return ALL
    found = [part for part in parts if part != NONE]
    return NONE if not found else found[0] if len(found) == 1 else {"bool": {"should": found, "minimum_should_match": 1}}


def _not(part: Query) -> Query:
    return NONE if part == ALL else ALL if part == NONE else {"bool": {"must_not": [part]}}


def _has(*terms: str) -> Query:
    return {"terms": {TERMS: list(terms)}}


def _field(node: _ValueNode | Exists, wide: bool) -> Query:
    """Some value of the field holds; ``wide``: or is not among the terms."""
    field = node.field
    if field.attribute == "original":
        rest = Field(field.name, "", field.keys)
        return _any([_original(node, wide), _field(_on(node, rest), wide)])
    names = ([f"@{field.attribute}"] if field.attribute else []) + [name(key) for key in field.keys]
    parts = [_leaf(node, key, wide) for key in names]
    return _any([*parts, _has(*(f"{key}!" for key in names), MORE)] if wide and names else parts)


def _on(node: _ValueNode | Exists, field: Field) -> _ValueNode | Exists:
    match node:
        case Term():
            return Term(field, node.value)
        case Pattern():
            return Pattern(field, node.parts)
        case Between():
            return Between(field, node.low, node.high, node.with_low, node.with_high)
        case Numbers():
            return Numbers(field, node.low, node.high, node.with_low, node.with_high)
        case Exists():
            return Exists(field)


def _leaf(node: _ValueNode | Exists, key: str, wide: bool) -> Query:
    match node:
        case Term():
            return _has(f"{key}={node.value}") if len(node.value) <= MOST_VALUE else NONE
        case Pattern():
            return _pattern(f"{key}=", node.parts, wide)
        case Between():
            return _between(node, key, wide)
        case Numbers():
            low, high = (None if bound is None else sortable(bound) for bound in (node.low, node.high))
            return _range(f"{key}#", f"{key}$", low, high, node.with_low, node.with_high)
        case Exists():
            if key.startswith("@"):  # an attribute is always there, and may be empty
                return _wildcard(TERMS, f"{_plain(key)}=?*")
            return {"prefix": {TERMS: {"value": f"{key}="}}}


def _between(node: Between, key: str, wide: bool) -> Query:
    low, high, with_low = node.low, node.high, node.with_low
    if not wide and any(bound is not None and len(bound) > _MOST_LITERAL for bound in (low, high)):
        return NONE
    if low is not None and len(low) > _MOST_LITERAL:
        low, with_low = low[:_MOST_LITERAL], True
    if high is not None and len(high) > _MOST_LITERAL:
        high = None
    return _range(f"{key}=", f"{key}>", low, high, with_low, node.with_high)


def _range(first: str, beyond: str, low: str | None, high: str | None, with_low: bool, with_high: bool) -> Query:
    """Terms that begin with ``first`` and go on between ``low`` and ``high``; ``beyond`` is the first term after all of them."""
    bounds = {"gte": first} if low is None else {"gte" if with_low else "gt": first + low}
    bounds |= {"lt": beyond} if high is None else {"lte" if with_high else "lt": first + high}
    return {"range": {TERMS: bounds}}


def _pattern(first: str, parts: Sequence[str | Wild], wide: bool) -> Query:
    asked = _bounded(parts)
    return _wildcard(TERMS, _plain(first) + _joined(asked)) if wide or asked == list(parts) else NONE


def _bounded(parts: Sequence[str | Wild]) -> list[str | Wild]:
    """A pattern that an automaton can be made of in the effort Lucene allows: the same one, or one that fits more."""
    one = Wild.ANY if sum(part is Wild.ONE for part in parts) > _MOST_ONES and Wild.ANY in parts else Wild.ONE
    found: list[str | Wild] = []
    room = _MOST_LITERAL
    for part in parts:
        if isinstance(part, Wild):
            found.append(one if part is Wild.ONE else part)
        else:
            found.append(part[:room])
            if len(part) > room:
                return [*found, Wild.ANY]
            room -= len(part)
    return found


def _joined(parts: Sequence[str | Wild]) -> str:
    return re.sub(r"(?<!\\)\*{2,}", "*", "".join(part.value if isinstance(part, Wild) else _plain(part) for part in parts))


def _plain(text: str) -> str:
    return re.sub(r"[\\*?]", r"\\\g<0>", text)


def _wildcard(field: str, value: str, **more: Any) -> Query:
    return {"wildcard": {field: {"value": value, **more}}}


def _original(node: _ValueNode | Exists, wide: bool) -> Query:
    """The whole record as received: it is in the index only as words."""
    match node:
        case Exists():
            return _not(_has(EMPTY))
        case Term():
            return _free(FreeText((node.value,)), True) if wide else NONE
        case Pattern():
            return _free(FreeText(node.parts), True) if wide else NONE
        case Between() | Numbers():
            return ALL if wide else NONE


def _free(node: FreeText, wide: bool) -> Query:
    """Words that the text has must be in words of the record, whatever stands around them."""
    words = list(_fragments(node.parts))
    own = _all([_in_record(word) for word in words])
    if not wide:
        inner = [part for part in node.parts if part is not Wild.ANY]
        at_ends = node.parts[:1] == (Wild.ANY,) and node.parts[-1:] == (Wild.ANY,)
        return own if at_ends and inner and inner == words and len(words) == 1 else ALL if node.parts == (Wild.ANY,) else NONE
    return _any([own, _has(LONG), *([_deep(node)] if node.deep else [])])


def _fragments(parts: Sequence[str | Wild]) -> Iterator[str]:
    """Runs of Latin letters and digits: the index never cuts between two of them. Only the longest ones, at most eight."""
    texts = (part for part in parts if isinstance(part, str))
    found = [word[:_MOST_LITERAL] for text in texts for word in _words.findall(text) if word.strip("_")]
    best = sorted(dict.fromkeys(found), key=len, reverse=True)[:8]
    return iter([word for n, word in enumerate(best) if n == 0 or len(word) > 1])


def _in_record(word: str) -> Query:
    inside = _wildcard(FOLDED, f"*{word}*")
    if not word.isascii():
        return inside
    return _any([_all([_wildcard(ORIGINAL, f"*{word}*"), _not(_has(TEXT))]), inside])


def _deep(node: FreeText) -> Query:
    """Words in the JSON text of the fields are in terms, but the first may have run into an escape (``\\n`` before ``guyễn``)."""
    words = [_in_terms(word) for word in _fragments(node.parts)]
    return _all([_has(ESCAPED), _any([_all(words), _has(CUT, MORE)])])


def _in_terms(word: str) -> Query:
    rests = {word}
    if word[0] in "ntrbf":
        rests.add(word[1:])
    for length in range(1, 5):
        if all(sign in "0123456789abcdef" for sign in word[:length]):
            rests.add(word[length:])
    if word[0] == "u":
        rests.add(word[5:])
    if "" in rests:
        return ALL
    return _any([_wildcard(TERMS, f"*{rest}*", case_insensitive=True) for rest in sorted(rests)])
