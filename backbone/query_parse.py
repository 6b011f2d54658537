"""Lucene syntax → nodes. The grammar is luqum's; what it yields is checked, bounded and resolved here. Pure."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from luqum import tree
from luqum.exceptions import IllegalCharacterError, ParseError
from luqum.thread import parse as parse_lucene

from backbone.query_fields import TIMES, resolve
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
)
from backbone.query_times import FOREVER, moments
from model import QueryError

MOST_CHARACTERS: Final = 4000
MOST_TERMS: Final = 200
MOST_DEPTH: Final = 30
MOST_WILDCARDS: Final = 20

EXAMPLE: Final = 'c-ip:203.0.113.5 AND sc-status:>=500 AND NOT cs-uri-stem:"/favicon.ico"'
_PLAIN: Final = re.compile(r"[A-Za-z0-9 ._:@=,;*?()\[\]{}+~$!|#^-]*")
_POSITION: Final = re.compile(r"position (\d+)")


def parse(text: str) -> Node:
    """Read a query; empty text is a query for everything. QueryError says what is wrong, where, and shows an example."""
    if len(text) > MOST_CHARACTERS:
        raise QueryError(f"The query has {len(text)} characters; {MOST_CHARACTERS} are allowed. Narrow it to what matters.")
    if "\0" in text:
        raise QueryError("The query has a NUL character; remove it.", text.index("\0"))
    if not text.strip():
        return And()
    try:
        read: Any = parse_lucene(text)
        return _Reading(text).node(read, None, 0)
    except (ParseError, IllegalCharacterError) as error:
        raise _unreadable(text, str(error)) from None
    except RecursionError:
        raise QueryError(f"The query is nested too deeply; {MOST_DEPTH} levels are allowed.") from None


def _unreadable(text: str, said: str) -> QueryError:
    """luqum's complaint as one sentence that says what to do."""
    found = _POSITION.search(said)
    if found is None:
        hint = "close every bracket and quote, and write something after AND, OR and NOT"
        return QueryError(f"The query ends too early; {hint}. Example: {EXAMPLE}", len(text))
    at = int(found.group(1))
    rest = text[at : at + 20]
    if rest.startswith(('"', "'")):
        hint = 'put values with spaces in double quotes, and close them: user:"Nguyễn Văn A"'
    elif rest.startswith(":"):
        hint = 'a value or name with a colon goes in double quotes or has \\: for it: src_ip:"2001:db8::1"'
    else:
        hint = "a sign of the query language that is meant as it is goes in double quotes"
    return QueryError(f"The query cannot be read at character {at + 1}, before “{rest}”; {hint}. Example: {EXAMPLE}", at)


class _Reading:
    """One walk over luqum's tree; counts the terms it meets."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._terms = 0

    def node(self, item: Any, field: str | None, depth: int) -> Node:
        """The node of ``item``, whose values belong to ``field`` (None: the whole record)."""
        if depth > MOST_DEPTH:
            raise self._wrong(item, f"is nested deeper than {MOST_DEPTH} levels; write it flatter")
        match item:
            case tree.OrOperation():
                return Or(tuple(self.node(part, field, depth + 1) for part in item.children))
            case tree.AndOperation() | tree.UnknownOperation():
                return And(tuple(self.node(part, field, depth + 1) for part in item.children))
            case tree.Not() | tree.Prohibit():
                if self._is_negative_number(item, field):
                    return self._value(item, field or "")
                return Not(self.node(item.a, field, depth + 1))
            case tree.Plus():
                return self.node(item.a, field, depth + 1)
            case tree.Group() | tree.FieldGroup():
                return self.node(item.expr, field, depth + 1)
            case tree.SearchField():
                return self._field(item, field, depth)
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise self._wrong(item, f"is one term too many; {MOST_TERMS} are allowed")
        return self._free(item) if field is None else self._value(item, field)

    def _field(self, item: Any, field: str | None, depth: int) -> Node:
        name = _unescape(item.name)
        if field is not None:
            raise self._wrong(item, f"names a field within field {field}; put a value with a colon in double quotes")
        if name == "*" and isinstance(item.expr, tree.Word) and item.expr.value == "*":
            return And()
        if name.lower() == "_exists_":
            if not isinstance(item.expr, tree.Word | tree.Phrase):
                raise self._wrong(item, "needs one field name after _exists_:")
            return self._exists(_plain(item.expr))
        return self.node(item.expr, name, depth + 1)

    def _exists(self, name: str) -> Node:
        field = resolve(name)
        return And() if field.attribute in TIMES else Exists(field)

    def _free(self, item: Any) -> Node:
        if isinstance(item, tree.Phrase):
            inner: tuple[str | Wild, ...] = (fold(_plain(item)),)
        elif isinstance(item, tree.Word):
            if item.value == "*":
                return And()
            inner = self._parts(item)
        else:
            raise self._unsupported(item)
        return _free_text(inner)

    def _value(self, item: Any, name: str) -> Node:
        field = resolve(name)
        if field.attribute in TIMES:
            return self._time(item, field)
        if isinstance(item, tree.Range | tree.From | tree.To):
            return self._range(item, field)
        if isinstance(item, tree.Prohibit):
            return Term(field, "-" + fold(_plain(item.a)))
        if isinstance(item, tree.Phrase):
            return Term(field, fold(_plain(item)))
        if not isinstance(item, tree.Word):
            raise self._unsupported(item)
        if item.value == "*":
            return self._exists(name)
        parts = self._parts(item)
        if any(isinstance(part, Wild) for part in parts):
            return Pattern(field, parts)
        return Term(field, "".join(str(part) for part in parts))

    def _range(self, item: Any, field: Field) -> Node:
        low, high, with_low, with_high = self._bounds(item)
        if all(bound is None or re.fullmatch(NUMBER, bound) for bound in (low, high)) and (low or high):
            numbers = [None if bound is None else number(bound) for bound in (low, high)]
            return Numbers(field, numbers[0], numbers[1], with_low, with_high)
        if low is None and high is None:
            return Exists(field)
        return Between(field, low and fold(low), high and fold(high), with_low, with_high)

    def _time(self, item: Any, field: Field) -> Node:
        try:
            if isinstance(item, tree.Range | tree.From | tree.To):
                low, high, with_low, with_high = self._bounds(item)
                first = moments(low) if low is not None else None
                last = moments(high) if high is not None else None
                since = first[0 if with_low else 1] if first else -FOREVER
                until = last[1 if with_high else 0] if last else FOREVER
            elif isinstance(item, tree.Word) and item.value == "*":
                return And()
            elif isinstance(item, tree.Word | tree.Phrase):
                since, until = moments(_plain(item))
            else:
                raise self._unsupported(item)
        except ValueError as error:
            raise self._wrong(item, f"is no time ({error}); write 2026-11-21 or 2026-11-21T09:30 (Vietnam time)") from None
        return Moments(field.attribute, since, until)

    def _bounds(self, item: Any) -> tuple[str | None, str | None, bool, bool]:
        """(low, high, with low, with high); None for an open end."""
        if isinstance(item, tree.From):
            return self._bound(item.a), None, bool(item.include), True
        if isinstance(item, tree.To):
            return None, self._bound(item.a), True, bool(item.include)
        return self._bound(item.low), self._bound(item.high), bool(item.include_low), bool(item.include_high)

    def _bound(self, item: Any) -> str | None:
        if isinstance(item, tree.Prohibit):
            return "-" + _plain(item.a)
        if not isinstance(item, tree.Word | tree.Phrase):
            raise self._unsupported(item)
        return None if isinstance(item, tree.Word) and item.value == "*" else _plain(item)

    def _parts(self, item: Any) -> tuple[str | Wild, ...]:
        parts = tuple(_parts(item.value))
        if sum(isinstance(part, Wild) for part in parts) > MOST_WILDCARDS:
            raise self._wrong(item, f"has more than {MOST_WILDCARDS} wildcards; use fewer")
        return parts

    def _is_negative_number(self, item: Any, field: str | None) -> bool:
        """Lucene reads ``f:-5`` as “not 5”; in a field that is a number, and is meant so."""
        return (
            field is not None
            and isinstance(item, tree.Prohibit)
            and isinstance(item.a, tree.Word)
            and number(item.a.value) is not None
        )

    def _unsupported(self, item: Any) -> QueryError:
        what = {
            tree.Regex: "is read as a regular expression, which is not run here; put a path in double quotes, use * and ?",
            tree.Fuzzy: "asks for similar words, which this search does not do; use * and ?",
            tree.Proximity: "asks for nearby words, which this search does not do; use * between them",
            tree.Boost: "asks for a rank, which this search does not keep; leave out ^",
        }
        return self._wrong(item, what.get(type(item), "has no meaning here"))

    def _wrong(self, item: Any, what: str) -> QueryError:
        at = item.pos if isinstance(item.pos, int) else 0
        shown = str(item).strip()
        shown = shown if len(shown) <= 40 else shown[:39] + "…"
        return QueryError(f"In the query at character {at + 1}, “{shown}” {what}. Example: {EXAMPLE}", at)


def _free_text(inner: tuple[str | Wild, ...]) -> FreeText:
    parts: tuple[str | Wild, ...] = (Wild.ANY, *inner, Wild.ANY)
    plain = all(isinstance(part, Wild) or _PLAIN.fullmatch(part) for part in inner)
    if plain:
        return FreeText(parts)
    escaped = tuple(part if isinstance(part, Wild) else msgspec.json.encode(part).decode()[1:-1].lower() for part in parts)
    return FreeText(parts, True, escaped)


def _plain(item: Any) -> str:
    """The text of a word or phrase without quotes and escapes."""
    return _unescape(item.value[1:-1] if isinstance(item, tree.Phrase) else item.value)


def _unescape(text: str) -> str:
    """Drop a backslash before a sign of the language; keep it elsewhere, so that ``C:\\Users`` can be typed."""
    return "".join(part.value if isinstance(part, Wild) else part for part in _signs(text))


def _parts(text: str) -> Iterator[str | Wild]:
    """Texts (folded) and wildcards in turn; runs of ``*`` are one."""
    held: list[str] = []
    last: Wild | None = None
    for sign in _signs(text):
        if isinstance(sign, Wild):
            if held:
                yield fold("".join(held))
                held = []
            if not (sign is Wild.ANY and last is Wild.ANY):
                yield sign
            last = sign
        else:
            held.append(sign)
            last = None
    if held or last is None:
        yield fold("".join(held))


def _signs(text: str) -> Iterator[str | Wild]:
    escaped = False
    for sign in text:
        if escaped:
            # Only what the language itself uses is escaped by a backslash.
            yield sign if sign in '+-&|!(){}[]^"~*?:\\/<>= ' else "\\" + sign
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign in "*?":
            yield Wild(sign)
        else:
            yield sign
    if escaped:
        yield "\\"
