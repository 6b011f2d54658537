"""Truths about LEEF."""

import pytest

from collector.parsers.leef import parse
from collector.recipe import Context
from model import LogSource, ParseError
from model.moment import from_rfc3339

CONTEXT = Context(1_795_253_400_000_000)


@pytest.mark.parametrize(
    ("head", "divider"),
    [
        ("LEEF:1.0|Hang|SP|2|77|", "\t"),
        ("LEEF:2.0|Hang|SP|2|77|^|", "^"),
        ("LEEF:2.0|Hang|SP|2|77|x7C|", "|"),
        ("LEEF:2.0|Hang|SP|2|77||", "\t"),
    ],
)
def test_every_delimiter(head: str, divider: str) -> None:
    """Tab, a character and its hexadecimal form divide attributes."""
    pairs = ("devTime=Nov 21 2026 16:30:00", "src=203.0.113.9", "srcPort=40", "usrName=Trần Lan", "msg=Đăng nhập = lỗi")
    parsed = parse(head + divider.join(pairs), CONTEXT)
    assert parsed.happened_at == from_rfc3339("2026-11-21T16:30:00+07:00")
    assert parsed.fields["src_ip"] == "203.0.113.9" and parsed.fields["src_port"] == 40
    assert parsed.fields["user"] == "Trần Lan" and parsed.fields["message"] == "Đăng nhập = lỗi"
    assert parsed.logsource == LogSource(product="hang", service="sp")


@pytest.mark.parametrize("text", ["", "LEEF:1.0|a|b", "LEEF:2.0|a|b|c|d|xZZ|a=1", "CEF:0|a|b|c|d|e|f|"])
def test_what_is_not_leef(text: str) -> None:
    """No prefix, a short header, a delimiter that is none: ParseError."""
    with pytest.raises(ParseError):
        parse(text, CONTEXT)
