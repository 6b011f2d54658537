"""Truths about RFC 5424."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.parsers.rfc5424 import parse
from collector.recipe import Context
from model import ParseError
from model.moment import from_rfc3339

CONTEXT = Context(1_795_253_400_000_000)
HEAD = "<165>1 2026-11-21T16:30:00.003+07:00 app01 mot-cua 812 ID47"


def test_whole_line() -> None:
    """Header, structured data with escapes and repeats, byte-order mark and message are all read."""
    text = HEAD + ' [ma@1 ten="Nguyễn \\"Ba\\"" d="\\]" d="\\\\"][b x="1"] \ufeffHồ sơ đã nhận'
    parsed = parse(text, CONTEXT)
    assert parsed.happened_at == from_rfc3339("2026-11-21T09:30:00.003Z")
    assert (parsed.host, parsed.program, parsed.message) == ("app01", "mot-cua", "Hồ sơ đã nhận")
    assert parsed.fields == {
        "facility": "local4",
        "severity": "notice",
        "program": "mot-cua",
        "pid": 812,
        "msgid": "ID47",
        "ma@1.ten": 'Nguyễn "Ba"',
        "ma@1.d": ["]", "\\"],
        "b.x": "1",
        "message": "Hồ sơ đã nhận",
    }


def test_nil_values() -> None:
    """A dash is no value."""
    parsed = parse("<34>1 - - - - - -", CONTEXT)
    assert parsed.happened_at is None and parsed.host == "" and parsed.message == ""
    assert set(parsed.fields) == {"facility", "severity", "message"}


@given(st.text(min_size=0, max_size=50))
def test_parameter_values_survive(value: str) -> None:
    """Escaped as section 6.3.3 says, any value is read back."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
    assert parse(f'{HEAD} [a v="{escaped}"] m', CONTEXT).fields["a.v"] == value


@pytest.mark.parametrize(
    "text",
    [
        "<34>2 - - - - - -",
        "<34>1 - - -",
        "1 - - - - - -",
        HEAD + " x",
        HEAD + ' [a b="1',
        HEAD + " [a",
        "<34>1 hôm-nay h a - - -",
    ],
)
def test_what_is_not_5424(text: str) -> None:
    """Another version, a cut header, open structured data: ParseError."""
    with pytest.raises(ParseError):
        parse(text, CONTEXT)
