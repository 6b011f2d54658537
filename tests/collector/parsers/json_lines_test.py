"""Truths about JSON."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.parsers.json_lines import FIELDS, NAME, decode, flatten, from_document
from collector.recipe import Context
from model import ParseError
from model.moment import from_rfc3339

CONTEXT = Context(1_795_253_400_000_000)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def test_nested_objects_become_dotted_names() -> None:
    """Objects join their names, objects in lists give lists, plain lists stay."""
    document = {"a": {"b": {"c": "Hải Dương"}}, "l": [1, 2], "o": [{"x": 1}, {"x": 2, "y": None}]}
    assert flatten(document) == ({"a.b.c": "Hải Dương", "l": [1, 2], "o.x": [1, 2], "o.y": None}, 0)


def test_null_and_empty_stay() -> None:
    """Null, empty text and empty lists stay what they are; null beside values is one of them; nothing inside is an empty list."""
    document = {"n": None, "t": "", "l": [], "o": {}, "x": [{"y": None}, {"y": 1}], "z": [{"y": 1}, {"y": None}]}
    assert flatten(document) == ({"n": None, "t": "", "l": [], "o": [], "x.y": [None, 1], "z.y": [1, None]}, 0)


def test_time_host_and_message_by_their_usual_names() -> None:
    """The first readable time, the host and the text are found."""
    parsed = from_document({"ts": "2026-11-21T16:30:00+07:00", "host": {"name": "app01"}, "msg": "Nộp hồ sơ"}, CONTEXT)
    assert parsed.happened_at == from_rfc3339("2026-11-21T09:30:00Z")
    assert parsed.host == "app01" and parsed.fields["message"] == "Nộp hồ sơ"


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=6))
def test_flat_fields_are_plain(document: dict[str, Any]) -> None:
    """Every flattened value is plain or a list of plain values."""
    fields, _ = flatten(document)
    for value in fields.values():
        for part in value if isinstance(value, list) else [value]:
            assert part is None or isinstance(part, (str, int, float, bool))


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=6))
def test_json_text_is_read_as_written(document: dict[str, Any]) -> None:
    """Decoding what json wrote gives the object."""
    assert decode(json.dumps(document)) == json.loads(json.dumps(document))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        '{"a":',
        '{"a":1}}',
        '{"a":' * 100_000,
        '{"a":' + "[" * 500 + "]" * 500 + "}",
        '{"a":' * 70 + "1" + "}" * 70,
        '{"a":' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_reasonable_object(text: str) -> None:
    """No object, a cut one, nesting of more than 64 levels, a number of thousands of digits: ParseError."""
    with pytest.raises(ParseError):
        decode(text)


def test_lax_writers_are_understood() -> None:
    """Lone surrogates, bare tabs and the last of duplicate keys are taken."""
    assert decode('{"a":"x\\ud800y"}') == {"a": "x\ufffdy"}
    assert decode('{"a":"x\ty"}') == {"a": "x\ty"}
    assert decode('{"a":1,"a":2}') == {"a": 2}


def test_bounds() -> None:
    """Too many fields and too long names are cut, counted and tagged."""
    parsed = from_document({str(n): n for n in range(FIELDS + 5)}, CONTEXT)
    assert parsed.fields["truncated_fields"] == 5 and parsed.tags == ("field-truncated",)
    fields, cut = flatten({"k" * 1000: {"a": 1}})
    assert cut == 1 and max(map(len, fields)) == NAME


def test_long_names_do_not_multiply() -> None:
    """A name of 500 KB over 20,000 values is cut before it is copied."""
    document = {"k" * 500_000: {str(n): n for n in range(20_000)}}
    begun = time.process_time()
    fields, cut = flatten(document)
    assert time.process_time() - begun < 1 and sum(map(len, fields)) < FIELDS * NAME and cut > 0
