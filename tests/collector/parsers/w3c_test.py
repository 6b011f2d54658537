"""Truths about W3C extended logs."""

import pytest

from collector.parsers.w3c import columns, parse, parse_line
from collector.recipe import Context
from model import ParseError
from model.moment import from_rfc3339

CONTEXT = Context(1_795_253_400_000_000)
LINE = "2026-11-21 09:30:00 10.0.0.5 GET /van-ban/đi id=1 443 lan 203.0.113.7 Mozilla/5.0+(X) - 200 0 0 15"


def test_columns_are_named_by_the_directive() -> None:
    """``cs(User-Agent)`` is ``cs-user-agent``; other lines name none."""
    assert columns("#Fields: date time cs(User-Agent) X-Forwarded-For") == ("date", "time", "cs-user-agent", "x-forwarded-for")
    assert columns("#Software: IIS") == columns(LINE) == ()


def test_a_line_of_default_columns() -> None:
    """IIS's own columns are known without a header; times are UTC, a dash is absent, numbers are numbers."""
    parsed = parse(LINE, CONTEXT)
    assert parsed.happened_at == from_rfc3339("2026-11-21T09:30:00Z")
    assert parsed.fields["sc-status"] == 200 and parsed.fields["cs-uri"] == "/van-ban/đi?id=1"
    assert "cs-referer" not in parsed.fields and parsed.fields["cs-user-agent"] == "Mozilla/5.0+(X)"


def test_a_directive_is_kept() -> None:
    """Header lines are records too."""
    assert parse("#Fields: date time", CONTEXT).fields == {"directive": "Fields", "message": "#Fields: date time"}


@pytest.mark.parametrize("text", ["", "a b c", LINE + " x", "# ghi chú: x", "#", LINE.replace("2026-11-21", "hôm-nay")])
def test_what_is_not_w3c(text: str) -> None:
    """Another number of columns, a comment, no time: ParseError."""
    with pytest.raises(ParseError):
        parse(text, CONTEXT)


def test_columns_must_fit() -> None:
    """A line is only read with just as many columns as are named."""
    assert parse_line("GET /a", ("cs-method", "cs-uri-stem")).fields["cs-uri-stem"] == "/a"
    with pytest.raises(ParseError):
        parse_line("GET", ("cs-method", "cs-uri-stem"))
