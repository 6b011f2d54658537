"""How a value of an event is read as text, and when two texts are the same.

Rules
- A string is itself, in Unicode form NFC: Vietnamese logs carry both composed and decomposed letters.
- A number is its shortest decimal text (``42``, ``42.0`` and ``"42"`` are the same); a boolean is ``true`` or ``false``.
- ``None``, lists and mappings have no text. A list means "any of its elements".
- Without ``cased``, text is compared under simple case folding: one character stays one character, so that ``?`` still counts.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any, Final
from unicodedata import is_normalized, normalize

SEPARATOR: Final = "\x1e"
"""Stands between values where they are joined for keywords (ASCII "record separator")."""

STAND_IN: Final = "\x1f"

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?")
_DEPTH: Final = 32
_MANY: Final = 4096


def plain(text: str) -> str:
    """NFC, and without what cannot be written as UTF-8."""
    if text.isascii():
        return text
    if not is_normalized("NFC", text):
        text = normalize("NFC", text)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def fold(text: str) -> str:
    """Simple case folding of plain text: the result has as many characters as ``text``."""
    if text.isascii():
        return text.lower()
    folded = text.casefold()
    if len(folded) != len(text):
        folded = "".join(map(_fold_one, text))
    return folded


def _fold_one(char: str) -> str:
    for folded in (char.casefold(), char.lower()):
        if len(folded) == 1:
            return folded
    return char


def scalar(value: Any) -> str | None:
    """Text of one value; None when it has none."""
    if value.__class__ is str or isinstance(value, str):
        return plain(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    return None


def number(text: str) -> int | float | None:
    """The number a text is, None when it is none. Integers stay exact."""
    text = text.strip(" ")
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Every text in a value: of lists and mappings, those of the parts (mappings' names are no values)."""
    text = scalar(value)
    if text is not None:
        yield text
    elif depth < _DEPTH and isinstance(value, (list, tuple)):
        for part in value:
            yield from texts(part, depth + 1)
    elif depth < _DEPTH and isinstance(value, dict):
        for part in value.values():
            yield from texts(part, depth + 1)


def words(value: Any, depth: int = 0) -> list[str]:
    """The texts a field's value stands for: its own, or those of a list's elements. A mapping has none."""
    text = scalar(value)
    if text is not None:
        return [text]
    if depth < _DEPTH and isinstance(value, (list, tuple)):
        return [one for part in value for one in words(part, depth + 1)]
    return []


def flat(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` with nested mappings also reachable by dotted names (``a.b``); a list of mappings gives a list of values.

    At most 4,096 names are added, to a depth of 32.
    """
    if dict not in map(type, fields.values()) and not any(_has_mapping(v) for v in fields.values() if isinstance(v, list)):
        return fields
    found: dict[str, Any] = {}
    for name, value in fields.items():
        _nest(found, name, value, 0)
    return found | fields


def _has_mapping(values: list[Any]) -> bool:
    return any(isinstance(v, dict) for v in values)


def _nest(found: dict[str, Any], name: str, value: Any, depth: int) -> None:
    parts = value if isinstance(value, list) else (value,)
    for part in parts:
        if isinstance(part, dict) and depth < _DEPTH:
            for inner, below in part.items():
                if len(found) < _MANY:
                    _nest(found, f"{name}.{inner}", below, depth + 1)
    if depth and not isinstance(value, dict):
        found[name] = _join(found[name], value) if name in found else value


def _join(one: Any, two: Any) -> list[Any]:
    return [*(one if isinstance(one, list) else [one]), *(two if isinstance(two, list) else [two])]


def parents(fields: dict[str, Any], wanted: Collection[str] | None = None) -> dict[str, Any]:
    """``fields`` of a flattened object, where what holds others is there again, as an empty mapping: ``a`` for ``a.b``.

    ``wanted``: only these, when given.
    """
    found: dict[str, Any] = {}
    for name in fields:
        end = name.find(".")
        while end > 0:
            parent = name[:end]
            if (wanted is None or parent in wanted) and parent not in fields:
                found[parent] = {}
            end = name.find(".", end + 1)
    return fields | found if found else fields
