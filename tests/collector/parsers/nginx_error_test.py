"""Truths about nginx's error log."""

import pytest

from collector.parsers.nginx_error import parse
from collector.recipe import Context
from model import ParseError
from model.moment import from_rfc3339

CONTEXT = Context(1_795_253_400_000_000)
LINE = (
    '2026/11/21 16:30:00 [error] 12#13: *5 open() "/srv/dvc/biểu mẫu.php" failed (2: No such file or directory), '
    'client: 203.0.113.9, server: dvc.example.vn, request: "POST /tai-len?x=1 HTTP/1.1", '
    'upstream: "http://10.0.0.8:8080/tai-len", host: "dvc.example.vn", referrer: "https://a/?b, c"'
)


def test_whole_line() -> None:
    """Message and every part of the context are read, commas in quotes included."""
    parsed = parse(LINE, CONTEXT)
    assert parsed.happened_at == from_rfc3339("2026-11-21T16:30:00+07:00") and parsed.tags == ()
    assert parsed.fields == {
        "level": "error",
        "pid": 12,
        "tid": 13,
        "connection": 5,
        "message": 'open() "/srv/dvc/biểu mẫu.php" failed (2: No such file or directory)',
        "c-ip": "203.0.113.9",
        "server": "dvc.example.vn",
        "cs-method": "POST",
        "cs-uri": "/tai-len?x=1",
        "cs-uri-stem": "/tai-len",
        "cs-uri-query": "x=1",
        "cs-version": "HTTP/1.1",
        "upstream": "http://10.0.0.8:8080/tai-len",
        "cs-host": "dvc.example.vn",
        "cs-referer": "https://a/?b, c",
    }


def test_a_notice_of_the_master() -> None:
    """Without a client the rest is the message."""
    assert parse("2026/11/21 16:30:00 [notice] 1#1: khởi động, xong", CONTEXT).fields["message"] == "khởi động, xong"


def test_an_imitated_client_is_tagged() -> None:
    """A path that pretends to be the end of the line makes the event ambiguous."""
    assert parse(LINE.replace("biểu", "x, client: 8.8.8.8, "), CONTEXT).tags == ("ambiguous",)


@pytest.mark.parametrize(
    "text", ["", "2026/11/21 16:30:00 error", LINE.replace("[error]", "[lỗi]"), LINE.replace("2026/11", "2026/13")]
)
def test_what_is_no_error_log(text: str) -> None:
    """No time, no known level: ParseError."""
    with pytest.raises(ParseError):
        parse(text, CONTEXT)
