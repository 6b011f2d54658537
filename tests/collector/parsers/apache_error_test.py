"""Truths about Apache's error log."""

import pytest

from collector.parsers.apache_error import parse
from collector.recipe import Context
from model import ParseError
from model.moment import from_rfc3339

CONTEXT = Context(1_795_253_400_000_000)
LINE = (
    "[Sat Nov 21 16:30:00.123456 2026] [core:error] [pid 12:tid 140] [client 203.0.113.7:51000] "
    "AH00037: Symbolic link: /srv/hồ sơ, referer: https://a/?b"
)


def test_whole_line() -> None:
    """Module, level, process, client, code, message and referer are read."""
    parsed = parse(LINE, CONTEXT)
    assert parsed.happened_at == from_rfc3339("2026-11-21T16:30:00.123456+07:00")
    assert parsed.fields == {
        "level": "error",
        "module": "core",
        "pid": 12,
        "tid": 140,
        "c-ip": "203.0.113.7",
        "c-port": 51000,
        "code": "AH00037",
        "cs-referer": "https://a/?b",
        "message": "AH00037: Symbolic link: /srv/hồ sơ",
    }


def test_older_form_and_other_clients() -> None:
    """2.2 has neither module nor process nor port; IPv6 comes with and without brackets."""
    fields = parse("[Sat Nov 21 16:30:00 2026] [error] [client 203.0.113.7] không thấy tệp", CONTEXT).fields
    assert (fields["level"], fields["c-ip"], fields["message"]) == ("error", "203.0.113.7", "không thấy tệp")
    for written in ("[2001:db8::1]:443", "2001:db8::1"):
        assert parse(LINE.replace("203.0.113.7:51000", written), CONTEXT).fields["c-ip"] == "2001:db8::1"


def test_brackets_of_the_message_stay() -> None:
    """A message may begin with a bracket itself."""
    assert parse("[Sat Nov 21 16:30:00 2026] [:error] [pid 7] [x y] z", CONTEXT).fields["message"] == "[x y] z"


@pytest.mark.parametrize("text", ["", "[x] y", LINE[1:], LINE.replace("core:error", "x"), LINE.replace("Nov", "Nox")])
def test_what_is_no_error_log(text: str) -> None:
    """No time or no level: ParseError."""
    with pytest.raises(ParseError):
        parse(text, CONTEXT)
