"""The query language as values: what a search means once it is read. Pure.

Node = And | Or | Not | Term | Pattern | Between | Numbers | Moments | Exists | FreeText

Texts in nodes are already folded: NFC and lower case, so that ``NGUYỄN`` finds ``nguyễn`` however its accents are stored.
Folding is the simple one-to-one mapping, because a store must be able to do exactly the same (``ß`` stays ``ß``).
"""

import enum
import re
import unicodedata
from typing import Any, Final, TypeAlias

import msgspec

from model import Micros


class Wild(enum.Enum):
    """A wildcard within a pattern."""

    ANY = "*"
    ONE = "?"


class Field(msgspec.Struct, frozen=True):
    """What a field name stands for: an attribute of Event (``""`` none) and any of these ``keys`` of ``Event.fields``."""

    name: str
    attribute: str = ""
    keys: tuple[str, ...] = ()


class And(msgspec.Struct, frozen=True, tag=True):
    """All parts hold; no parts: everything."""

    parts: "tuple[Node, ...]" = ()


class Or(msgspec.Struct, frozen=True, tag=True):
    parts: "tuple[Node, ...]"


class Not(msgspec.Struct, frozen=True, tag=True):
    part: "Node"


class Term(msgspec.Struct, frozen=True, tag=True):
    """A value of the field is ``value``, whole."""

    field: Field
    value: str


class Pattern(msgspec.Struct, frozen=True, tag=True):
    """A value of the field fits ``parts`` from end to end."""

    field: Field
    parts: tuple[str | Wild, ...]


class Between(msgspec.Struct, frozen=True, tag=True):
    """A value of the field lies between two texts, by code points; None is open."""

    field: Field
    low: str | None
    high: str | None
    with_low: bool = True
    with_high: bool = True


class Numbers(msgspec.Struct, frozen=True, tag=True):
    """A value of the field is a decimal number (``NUMBER``) in the range; None is open."""

    field: Field
    low: float | None
    high: float | None
    with_low: bool = True
    with_high: bool = True


class Moments(msgspec.Struct, frozen=True, tag=True):
    """A time of the event lies in [``since``, ``until``). ``attribute`` is ``happened_at`` or ``received_at``."""

    attribute: str
    since: Micros
    until: Micros


class Exists(msgspec.Struct, frozen=True, tag=True):
    """The field has a value: not null, and for an attribute not empty."""

    field: Field


class FreeText(msgspec.Struct, frozen=True, tag=True):
    """``parts`` occur in the record as received; with ``deep`` also in the JSON text of its fields, if the record has a ``\\``.

    ``deep`` is set when the text has characters that a record may have written escaped (``ễ`` as ``\\u1ec5``, ``/`` as
    ``\\/``), so that a name is found whether its application wrote UTF-8 or escapes. ``escaped`` are the parts as our JSON
    writes them.
    """

    parts: tuple[str | Wild, ...]
    deep: bool = False
    escaped: tuple[str | Wild, ...] = ()


Node: TypeAlias = And | Or | Not | Term | Pattern | Between | Numbers | Moments | Exists | FreeText

NUMBER: Final = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
_number = re.compile(NUMBER)


def fold(text: str) -> str:
    """NFC and lower case, one code point to one."""
    if text.isascii():
        return text.lower()
    # The only two letters that str.lower() does not map one to one and without looking at neighbours.
    return unicodedata.normalize("NFC", text).replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()


def number(text: str) -> float | None:
    """The decimal number ``text`` is, None when it is none (no exponents, at most 15 digits a side)."""
    return float(text) if _number.fullmatch(text) else None


def texts(value: Any) -> list[str]:
    """A field's value as the texts a query compares with: none for null, one for a scalar, several for a list."""
    if isinstance(value, str):
        return [value]
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [text for item in value for text in texts(item)]
    return [msgspec.json.encode(value).decode()]
