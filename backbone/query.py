"""The query language of console and command line, and what it means: ``holds`` is the reference every store must agree with.

    c-ip:203.0.113.5 AND sc-status:[500 TO 599]      CommandLine:*mimikatz*      user.name:("nguyễn an" OR admin)
    _exists_:cs-username      happened_at:[2026-11-21 TO 2026-11-22]      system:dvc -cs-method:GET      "failed password"

Lucene syntax: AND, OR, NOT, ``-``, brackets, ``*`` and ``?``, ranges, ``>=``. Two terms side by side mean AND, and bind looser
than OR. A term with a field compares the whole value (any value of a list); a term without one is looked for anywhere in the
record as received. Case and the way accents are composed make no difference. Pure: no I/O, no clock.
"""

from typing import assert_never

import msgspec

from backbone.query_fields import LISTS, names, resolve
from backbone.query_nodes import (
    NUMBER,
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
    fold,
    number,
    texts,
)
from backbone.query_parse import parse
from model import Event

__all__ = [
    "NUMBER",
    "And",
    "Between",
    "Exists",
    "Field",
    "FreeText",
    "Moments",
    "Node",
    "Not",
    "Numbers",
    "Or",
    "Pattern",
    "Term",
    "Wild",
    "fits",
    "fold",
    "holds",
    "names",
    "number",
    "parse",
    "resolve",
    "texts",
]


def holds(node: Node, event: Event) -> bool:
    """Whether ``event`` is what ``node`` asks for."""
    match node:
        case And():
            return all(holds(part, event) for part in node.parts)
        case Or():
            return any(holds(part, event) for part in node.parts)
        case Not():
            return not holds(node.part, event)
        case Moments():
            return node.since <= int(getattr(event, node.attribute)) < node.until
        case FreeText():
            return fits(node.parts, fold(event.original)) or (
                node.deep and "\\" in event.original and fits(node.escaped, fold(msgspec.json.encode(event.fields).decode()))
            )
        case Exists():
            return any(_attribute(node.field, event)) or any(len(texts(event.fields.get(key))) for key in node.field.keys)
        case Term() | Pattern() | Between() | Numbers():
            return any(_value_holds(node, fold(text)) for text in _texts(node.field, event))
        case _:
            assert_never(node)


def _value_holds(node: Term | Pattern | Between | Numbers, text: str) -> bool:
    match node:
        case Term():
            return text == node.value
        case Pattern():
            return fits(node.parts, text)
        case Between():
            return _within(text, node.low, node.high, node.with_low, node.with_high)
        case Numbers():
            value = number(text)
            return value is not None and _within(value, node.low, node.high, node.with_low, node.with_high)


def _within(value: float | str, low: float | str | None, high: float | str | None, with_low: bool, with_high: bool) -> bool:
    above = low is None or value > low or (with_low and value == low)  # type: ignore[operator]  # both texts or both numbers
    return above and (high is None or value < high or (with_high and value == high))  # type: ignore[operator]


def _attribute(field: Field, event: Event) -> tuple[str, ...]:
    """Values of the attribute a field stands for."""
    name = field.attribute
    if not name:
        return ()
    if name == "tags":
        return event.tags
    if name in LISTS or name in {"product", "service"}:
        value = getattr(event.logsource, name)
        return value if isinstance(value, tuple) else (value,)
    return (getattr(event, name),)


def _texts(field: Field, event: Event) -> list[str]:
    return [*_attribute(field, event), *(text for key in field.keys for text in texts(event.fields.get(key)))]


def fits(parts: tuple[str | Wild, ...], text: str) -> bool:
    """Whether ``text`` fits the pattern from end to end. Time is at most length of text × length of pattern."""
    pieces: list[list[str | Wild]] = [[]]
    for part in parts:
        if part is Wild.ANY:
            pieces.append([])
        else:
            pieces[-1].append(part)
    if len(pieces) == 1:
        return _width(pieces[0]) == len(text) and _fits_at(pieces[0], text, 0)
    head, *middle, tail = pieces
    end = len(text) - _width(tail)
    at = _width(head)
    if at > end or not _fits_at(head, text, 0) or not _fits_at(tail, text, end):
        return False
    for piece in middle:
        found = _find(piece, text, at, end)
        if found < 0:
            return False
        at = found + _width(piece)
    return True


def _find(piece: list[str | Wild], text: str, start: int, end: int) -> int:
    """First place at or after ``start`` where ``piece`` stands and ends by ``end``; -1 when nowhere."""
    if len(piece) == 1 and isinstance(piece[0], str):
        return text.find(piece[0], start, end)
    last = end - _width(piece)
    return next((at for at in range(start, last + 1) if _fits_at(piece, text, at)), -1)


def _fits_at(piece: list[str | Wild], text: str, at: int) -> bool:
    for part in piece:
        if isinstance(part, str):
            if not text.startswith(part, at):
                return False
            at += len(part)
        else:
            at += 1
    return True


def _width(piece: list[str | Wild]) -> int:
    return sum(len(part) if isinstance(part, str) else 1 for part in piece)
