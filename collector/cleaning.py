"""Fields of any parser → fields every later part can hold. Pure.

Text in NFC, no lone surrogates, at most 65,536 characters a value and 256 a name; whole numbers of at most 64 bits; no NaN; lists
of plain values, at most 1,000 of them; at most 1,000 fields. NUL stays (JSON writes it ``\\u0000``).
"""

import json
from itertools import islice
from math import isfinite
from typing import Any, Final
from unicodedata import is_normalized, normalize

FIELDS: Final = 1000
NAME: Final = 256
VALUE: Final = 65_536
VALUES: Final = 1000
_WIDEST: Final = 2**63


def clean(fields: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """``fields`` with what does not hold replaced (the same dict when all does), and how many were cut or left out."""
    if _hold(fields):
        return fields, 0
    cut = 0
    for name, value in fields.items():
        fields[name], lost = _cleaned(value)
        cut += lost
    return fields if _are_names(fields) else _renamed(fields), cut + _lost_names(fields)


def _hold(fields: dict[str, Any]) -> bool:
    """Whether all is short sound text and small numbers: so it is for most events, and found out without looking at each."""
    values = fields.values()
    texts = [value for value in values if value.__class__ is str]
    joined = "".join(texts)
    if len(joined) > VALUE or not _are_names(fields) or not (joined.isascii() or _are_composed(texts)):
        return False
    return len(texts) == len(values) or all(_is_small(value) for value in values if value.__class__ is not str)


def _is_small(value: Any) -> bool:
    """Whether ``value`` is no text and holds as it is."""
    if value.__class__ is int:
        return bool(-_WIDEST <= value < _WIDEST)
    return value is None or value.__class__ is bool


def _are_composed(texts: list[str]) -> bool:
    """Whether all are in NFC, without lone surrogates. Parts of a text in NFC are in NFC, so they are looked at as one."""
    joined = "".join([text for text in texts if not text.isascii()])
    try:
        joined.encode()
    except UnicodeEncodeError:
        return False
    return is_normalized("NFC", joined)


def _are_names(fields: dict[str, Any]) -> bool:
    """Whether every name is short ASCII text: true for all but strange JSON keys."""
    try:
        joined = "".join(fields)
    except TypeError:
        return False
    return len(fields) <= FIELDS and joined.isascii() and (len(joined) <= NAME or max(map(len, fields)) <= NAME)


def _lost_names(fields: dict[str, Any]) -> int:
    """How many names are too long, and how many fields too many."""
    return sum(len(str(name)) > NAME for name in fields) + max(0, len(fields) - FIELDS)


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    """The first FIELDS fields under names that hold; of two names that become the same the later field stays."""
    return {text(str(name)[:NAME]): fields[name] for name in islice(fields, FIELDS)}


def text(value: str) -> str:
    """``value`` in NFC without lone surrogates."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value if is_normalized("NFC", value) else normalize("NFC", value)


def _cleaned(value: Any) -> tuple[Any, int]:
    """One value that did not pass the fast test, and how many parts of it were lost."""
    if isinstance(value, str):
        cut = len(value) > VALUE
        return text(value[:VALUE]), int(cut)
    if isinstance(value, bool) or value is None:
        return value, 0
    if isinstance(value, int):
        return (value, 0) if -_WIDEST <= value < _WIDEST else (_digits(value), 0)
    if isinstance(value, float):
        return (value, 0) if isfinite(value) else (str(value), 0)
    if isinstance(value, (list, tuple)):
        parts = [_cleaned(part if not isinstance(part, (list, tuple, dict)) else _json(part)) for part in value[:VALUES]]
        return [part for part, _ in parts], sum(lost for _, lost in parts) + max(0, len(value) - VALUES)
    return _cleaned(_json(value))


def _digits(value: int) -> str:
    return str(value) if value.bit_length() < 4096 else hex(value)


def _json(value: Any) -> str:
    """A nested value, which no field may hold, as JSON text."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):
        return repr(type(value))
