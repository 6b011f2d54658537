"""SQL means what ``query.holds`` means."""

import string
import sys
import unicodedata
from collections.abc import Collection

import duckdb
import pyarrow
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.parquet_columns import listed, table
from backbone.parquet_columns import stored as read_row
from backbone.parquet_sql import Parameters, where
from backbone.ports import Stored
from backbone.query import (
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
    holds,
    parse,
    resolve,
)
from backbone.query_fields import PROMOTED
from model import Event, LogSource, QueryError

DATABASE = duckdb.connect(":memory:", config={"threads": "1"})

VALUES = [
    "",
    "a",
    "ab",
    "A",
    "ễ",
    "e\u0302\u0303",
    "Ễ",
    "%",
    "_",
    "\\",
    "a_b",
    "a%b",
    '"',
    "10",
    "9",
    "-3",
    "2.5",
    "\x01",
    "a\nb",
    "\0",
    "*",
    "[1]",
    "true",
    "null",
    "𝒳",
    "İ",
    "Σς",
    "x" * 40,
]
KEYS = ["c-ip", "User", "user", "EventID", "CommandLine", "plain", "a.b", "a/b~c", 'q"\\', "", "0", "ễ"]
scalars = (
    st.sampled_from(VALUES)
    | st.none()
    | st.booleans()
    | st.integers(-20, 20)
    | st.sampled_from([0.5, -2.25, 10.0])
    | st.text(max_size=4)
)
fields = st.dictionaries(st.sampled_from(KEYS), scalars | st.lists(scalars, max_size=3), max_size=5)
events = st.builds(
    Event,
    id=st.sampled_from(["i1", "i2"]),
    source=st.sampled_from(VALUES),
    happened_at=st.integers(-5, 20),
    received_at=st.integers(0, 20),
    original=st.sampled_from(VALUES) | st.lists(st.sampled_from(VALUES), max_size=4).map(" ".join),
    format=st.just("json"),
    logsource=st.builds(
        LogSource, st.sampled_from(["", "windows"]), st.lists(st.sampled_from(VALUES), max_size=2).map(tuple), st.just("")
    ),
    system=st.sampled_from(["", "dvc", "Một"]),
    host=st.sampled_from(VALUES),
    fields=fields,
    tags=st.lists(st.sampled_from(VALUES), max_size=2).map(tuple),
)

name = st.sampled_from([*KEYS, "system", "host", "category", "tag", "product", "source.ip", "user.name", "host.name", "original"])
field = name.map(resolve) | st.just(Field("x", "", ("c-ip", "plain")))
folded = st.sampled_from(VALUES).map(fold)
parts = st.lists(folded.filter(bool) | st.sampled_from(list(Wild)), min_size=1, max_size=4).map(tuple)
number = st.sampled_from([None, -3.0, 2.5, 9.0, 10.0])
leaves = (
    st.builds(Term, field, folded)
    | st.builds(Pattern, field, parts)
    | st.builds(Between, field, folded | st.none(), folded | st.none(), st.booleans(), st.booleans())
    | st.builds(Numbers, field, number, number, st.booleans(), st.booleans())
    | st.builds(Moments, st.sampled_from(["happened_at", "received_at"]), st.integers(-5, 10), st.integers(5, 20))
    | st.builds(Exists, field)
    | st.sampled_from(VALUES[1:]).map(lambda v: free(v))
)
nodes: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, max_size=3).map(lambda p: And(tuple(p)))
        | st.lists(inner, max_size=3).map(lambda p: Or(tuple(p)))
    ),
    max_leaves=6,
)


def free(value: str) -> Node:
    """The node of a quoted text, by the parser where it can be typed."""
    try:
        return parse('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"')
    except QueryError:
        return FreeText((Wild.ANY, fold(value), Wild.ANY))


def ask(rows: pyarrow.Table, node: Node, lists: Collection[str]) -> list[bool]:
    into = Parameters()
    condition = where(node, into, lists)
    DATABASE.register("rows", rows)
    return [row[0] for row in DATABASE.execute(f'SELECT {condition} FROM rows ORDER BY "offset"', into.values).fetchall()]


@settings(max_examples=120, deadline=None)
@given(st.lists(events, min_size=1, max_size=6), nodes)
def test_sql_and_reference_agree(sample: list[Event], node: Node) -> None:
    """For any events and any query DuckDB finds exactly what the reference finds, never NULL."""
    rows = table([Stored(event, n, 0) for n, event in enumerate(sample)])
    want = [holds(node, event) for event in sample]
    assert ask(rows, node, PROMOTED) == want
    assert ask(rows, node, listed(rows)) == want


@settings(max_examples=100, deadline=None)
@given(st.lists(events, max_size=4))
def test_columns_keep_events_whole(sample: list[Event]) -> None:
    """An event made of its columns again is the event."""
    rows = table([Stored(event, n, n) for n, event in enumerate(sample)])
    names = [n for n in rows.column_names if not n.startswith("f:") and n != "folded"]
    assert [read_row([row[n] for n in names]).event for row in rows.to_pylist()] == sample


def test_folding_is_the_same_for_every_letter() -> None:
    """DuckDB folds every letter that Python's Unicode version knows just as ``query.fold`` does."""
    letters = [chr(c) for c in range(1, sys.maxunicode + 1) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]
    letters += [unicodedata.normalize("NFD", c) for c in letters if unicodedata.decomposition(c)]
    rows = pyarrow.table({"letter": letters})
    DATABASE.register("letters", rows)
    found = DATABASE.execute("SELECT letter, lower(nfc_normalize(letter)) FROM letters").fetchall()
    assert [(letter, fold(letter)) for letter, other in found if fold(letter) != other] == []


def test_values_are_never_pasted() -> None:
    """A value made to break out of its quotes is only a value."""
    evil = "'); DROP TABLE x; --" + string.punctuation
    node = parse("user:" + "".join("\\" + c if c in string.punctuation + " " else c for c in "' OR 1=1"))
    into = Parameters()
    assert "DROP" not in where(Term(resolve(evil), evil), into)
    assert "1=1" not in where(node, into)
