"""Queries as DuckDB SQL over the columns of ``parquet_columns``. Values are always parameters, never pasted. Pure.

Every condition yields true or false, never NULL, so that NOT means what it says.
"""

from collections.abc import Collection
from typing import Any, Final, TypeAlias, assert_never

import msgspec

from backbone.parquet_columns import LISTED, promoted
from backbone.query_fields import LISTS, PROMOTED
from backbone.query_nodes import (
    NUMBER,
    And,
    Between,
    Exists,
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

_ValueNode: TypeAlias = Term | Pattern | Between | Numbers
_PROMOTED: Final = frozenset(PROMOTED)


class Parameters:
    """Values of a statement, numbered as they are put: ``$1``, ``$2``, …"""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def put(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def where(node: Node, into: Parameters, listed: Collection[str] = PROMOTED) -> str:
    """A boolean expression whose values are in ``into``. ``listed`` are the promoted fields that may be lists."""
    match node:
        case And():
            return _join(" AND ", [where(part, into, listed) for part in node.parts], "true")
        case Or():
            return _join(" OR ", [where(part, into, listed) for part in node.parts], "false")
        case Not():
            return f"(NOT {where(node.part, into, listed)})"
        case Moments():
            return f"({node.attribute} >= {into.put(node.since)} AND {node.attribute} < {into.put(node.until)})"
        case FreeText():
            return _free(node, into)
        case Exists():
            own = [_exists(node.field.attribute)] if node.field.attribute else []
            return _join(" OR ", [*own, *(_key_exists(key, into) for key in node.field.keys)], "false")
        case Term() | Pattern() | Between() | Numbers():
            own = [_attribute(node, node.field.attribute, into)] if node.field.attribute else []
            return _join(" OR ", [*own, *(_key(node, key, into, listed) for key in node.field.keys)], "false")
        case _:
            assert_never(node)


def _free(node: FreeText, into: Parameters) -> str:
    if any(isinstance(part, str) and not part.isascii() for part in node.parts):
        # A record that is all ASCII has no folded column, and cannot have this text as it is.
        found = f"(folded IS NOT NULL AND {_like('folded', node.parts, into)})"
    else:
        found = _like("coalesce(folded, lower(original))", node.parts, into)
    if not node.deep:
        return found
    return f"({found} OR CASE WHEN contains(original, '\\') THEN {_like(_fold('fields'), node.escaped, into)} ELSE false END)"


def _join(word: str, parts: list[str], empty: str) -> str:
    return f"({word.join(parts)})" if parts else empty


def _fold(text: str) -> str:
    """``query_nodes.fold`` in SQL."""
    return f"lower(nfc_normalize({text}))"


def _value(node: _ValueNode, text: str, into: Parameters) -> str:
    """The test of one folded value, the SQL expression ``text``; NULL when that is."""
    match node:
        case Term():
            return f"({text} = {into.put(node.value)})"
        case Pattern():
            return _like(text, node.parts, into)
        case Between():
            return _bounds(node, text, into)
        case Numbers():
            bounds = _bounds(node, f"TRY_CAST({text} AS DOUBLE)", into)
            return f"(CASE WHEN regexp_full_match({text}, '{NUMBER}') THEN {bounds} ELSE false END)"


def _bounds(node: Between | Numbers, text: str, into: Parameters) -> str:
    parts: list[str] = []
    if node.low is not None:
        parts.append(f"{text} {'>=' if node.with_low else '>'} {into.put(node.low)}")
    if node.high is not None:
        parts.append(f"{text} {'<=' if node.with_high else '<'} {into.put(node.high)}")
    return _join(" AND ", parts, f"({text} IS NOT NULL)")


def _like(text: str, parts: tuple[str | Wild, ...], into: Parameters) -> str:
    if len(parts) == 3 and parts[0] is Wild.ANY and isinstance(parts[1], str) and parts[2] is Wild.ANY:
        return f"contains({text}, {into.put(parts[1])})"
    signs = {Wild.ANY: "%", Wild.ONE: "_"}
    pattern = "".join(signs[part] if isinstance(part, Wild) else _plain(part) for part in parts)
    return f"({text} LIKE {into.put(pattern)} ESCAPE '\\')"


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _attribute(node: _ValueNode, name: str, into: Parameters) -> str:
    if name == "original":
        return _value(node, "coalesce(folded, lower(original))", into)
    return _any(node, name, into) if name in LISTS else _value(node, _fold(name), into)


def _any(node: _ValueNode, texts: str, into: Parameters) -> str:
    """Some element of the list of texts holds."""
    return f"(len(list_filter({texts}, lambda x: {_value(node, _fold('x'), into)})) > 0)"


def _key(node: _ValueNode, key: str, into: Parameters, listed: Collection[str]) -> str:
    """A key of ``fields``: from its own column when it has one, from the JSON text where there is none or it is a list."""
    if key not in _PROMOTED:
        return _json(node, key, into)
    column = f'"{promoted(key)}"'
    if key not in listed:
        # In this shape DuckDB reads that column alone, and skips row groups by their statistics.
        return f"({column} IS NOT NULL AND {_value(node, column, into)})"
    marked = into.put(LISTED)
    return f"coalesce(CASE WHEN {column} = {marked} THEN {_json(node, key, into)} ELSE {_value(node, column, into)} END, false)"


def _pointer(key: str) -> str:
    """JSON pointer (RFC 6901) of a key: unlike a JSON path it can say every name."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _json(node: _ValueNode, key: str, into: Parameters) -> str:
    name, pointer = into.put(msgspec.json.encode(key).decode()), into.put(_pointer(key))
    one = _value(node, _fold(f"json_extract_string(fields, {pointer})"), into)
    listed = _any(node, f"CAST(json_extract(fields, {pointer}) AS VARCHAR[])", into)
    # The plain look for the name is cheap and spares most events the reading of their JSON.
    return (
        f"(contains(fields, {name}) AND"
        f" coalesce(CASE json_type(fields, {pointer}) WHEN 'ARRAY' THEN {listed} ELSE {one} END, false))"
    )


def _exists(name: str) -> str:
    return f"(len(list_filter({name}, lambda x: x <> '')) > 0)" if name in LISTS else f"({name} <> '')"


def _key_exists(key: str, into: Parameters) -> str:
    if key in _PROMOTED:
        return f'("{promoted(key)}" IS NOT NULL)'
    pointer = into.put(_pointer(key))
    listed = f"len(list_filter(CAST(json_extract(fields, {pointer}) AS VARCHAR[]), lambda x: x IS NOT NULL)) > 0"
    found = f"json_type(fields, {pointer})"
    return f"coalesce(CASE {found} WHEN 'NULL' THEN false WHEN 'ARRAY' THEN {listed} ELSE {found} IS NOT NULL END, false)"
