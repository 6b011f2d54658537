"""What an event is found by in Elasticsearch: one bounded list of folded terms, so that any field is searched without a mapping.

    c-ip=203.0.113.5   c-ip#c0...   @host=web-01   User~null   CommandLine!   !text

``key=value`` is a value, whole and folded as queries are; ``key#hex`` the same value as a number, in an order-keeping form; an
``@`` before a key means an attribute of the event. ``key~null`` is a field without a value. Marks: ``key!`` a value of the key
is too long to be a term, ``!more`` there were too many, and what MARKS says. A key's own ``=``, ``#``, ``~``, ``!``, ``@`` are
escaped. Pure.
"""

import re
import struct
from typing import Any, Final

from backbone.query_nodes import NUMBER, fold, texts
from model import Event

MOST_TERMS: Final = 500
MOST_VALUE: Final = 2_000
MOST_KEY: Final = 128
MOST_TEXT: Final = 8_000
"""Characters: a longer original may have a word that the index cuts in two."""

CUT: Final = "!cut"
"""Some value was too long to be a term."""
MORE: Final = "!more"
"""Some terms were left out: there were more than MOST_TERMS."""
LONG: Final = "!long"
"""The original is longer than MOST_TEXT."""
TEXT: Final = "!text"
"""The original is not all ASCII: its folded text stands in a field of its own."""
ESCAPED: Final = "!esc"
"""The original has a backslash: text is also looked for among the fields (``FreeText.deep``)."""
EMPTY: Final = "!empty"
"""The original is empty."""

_MEMO: Final = 8_192
_signs = re.compile(r"[\\=#~!@]")
_usual = re.compile(r"[A-Za-z0-9_. -]*")
_number = re.compile(NUMBER)
_keys: dict[str, tuple[str, str]] = {}
_attributes: dict[tuple[Any, ...], list[str]] = {}


def name(key: str) -> str:
    """A key of ``fields`` as it stands before ``=`` in a term."""
    return _known(key)[0]


def _known(key: str) -> tuple[str, str]:
    """(the key as terms have it, a term by which an unusual key is found as text or "")."""
    found = _keys.get(key)
    if found is None:
        found = _signs.sub(lambda sign: "\\" + sign.group(), key), "" if _usual.fullmatch(key) else "~" + fold(key)
        if len(_keys) >= _MEMO:
            _keys.clear()
        _keys[key] = found
    return found


def sortable(value: float) -> str:
    """16 hex digits whose order as text is the order of the numbers."""
    bits: int = struct.unpack(">Q", struct.pack(">d", value + 0.0))[0]
    bits ^= 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63
    return f"{bits:016x}"


def terms(event: Event) -> list[str]:
    """All terms of ``event``, at most MOST_TERMS and a few marks."""
    found = [*_own(event), *_marks(event)]
    _add(found, "@id", event.id)
    for key, value in event.fields.items():
        if len(key) > MOST_KEY:
            found += (MORE, CUT)
            continue
        known, odd = _known(key)
        if type(value) is str:
            _add(found, known, value)
        else:
            values = texts(value)
            for text in values:
                _add(found, known, text)
            if not values or (isinstance(value, list | tuple) and _empty(value)):
                found.append(f"{known}~null")
        if odd:
            found.append(odd)
        if len(found) > MOST_TERMS:
            del found[MOST_TERMS:]
            found += [MORE, CUT, *_marks(event)]
            break
    return found


def _empty(value: Any) -> bool:
    return any(item is None or (isinstance(item, list | tuple) and _empty(item)) for item in value)


def _marks(event: Event) -> list[str]:
    original = event.original
    found = [] if original.isascii() else [TEXT]
    if "\\" in original:
        found.append(ESCAPED)
    if len(original) > MOST_TEXT:
        found.append(LONG)
    elif not original:
        found.append(EMPTY)
    return found


def _add(found: list[str], key: str, text: str) -> None:
    if len(text) > MOST_VALUE:
        found += (f"{key}!", CUT)
        return
    text = text.lower() if text.isascii() else fold(text)
    found.append(f"{key}={text}")
    if text[:1] in _DIGITS and _number.fullmatch(text):
        found.append(f"{key}#{sortable(float(text))}")


_DIGITS: Final = frozenset("-0123456789")


def _own(event: Event) -> list[str]:
    """Terms of the attributes, which are the same for very many events."""
    logsource = event.logsource
    known = (event.system, event.source, event.host, event.format, event.peer, logsource, event.tags)
    found = _attributes.get(known)
    if found is None:
        found = []
        for key, value in (
            *(("@system", event.system), ("@source", event.source), ("@host", event.host), ("@format", event.format)),
            *(("@peer", event.peer), ("@product", logsource.product), ("@service", logsource.service)),
            *(("@categories", category) for category in logsource.categories),
            *(("@tags", tag) for tag in event.tags),
        ):
            _add(found, key, value)
        if len(_attributes) >= _MEMO:
            _attributes.clear()
        _attributes[known] = found
    return found
