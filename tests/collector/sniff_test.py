"""Truths about recognising formats."""

import pytest

from collector.recipe import Context
from collector.sniff import CARRIED, candidates, format_of, opened, read_as, sniffed

CONTEXT = Context(1_795_253_400_000_000)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ('{"a":1}', "json"),
        ("<13>x", "syslog"),
        ("Nov 21 16:30:00 h p: m", "syslog"),
        ("2026-11-21T16:30:00Z h p: m", "syslog"),
        ("CEF:0|", "cef"),
        ("LEEF:1.0|", "leef"),
        ("#Fields: date", "w3c"),
        ("2026/11/21 16:30:00 [error] x", "nginx_error"),
        ("[Sat Nov 21 16:30:00 2026] [error] x", "apache_error"),
        ('203.0.113.7 - - [21/Nov/2026:16:30:00 +0700] "', "nginx_access"),
        ("a=1 b=2", "keyvalue"),
    ],
)
def test_the_surest_format_comes_first(text: str, first: str) -> None:
    """The beginning of a text decides which parser is tried first."""
    assert candidates(text)[0] == first


def test_ordinary_words_look_like_nothing() -> None:
    """No parser is tried on plain sentences."""
    assert candidates("một câu bình thường") == candidates("") == []


def test_programs() -> None:
    """Path, case, instance and sub-program do not matter."""
    for program in ("sshd", "/usr/sbin/SSHD", "(sshd)", "sshd-session", "sshd/x"):
        assert format_of(program) == "sshd"
    assert format_of("không-biết") == ""


def test_a_wrong_guess_goes_on_to_the_next() -> None:
    """What the surest parser refuses, the next one may take; what nobody takes is None."""
    found = sniffed("type=a msg=b", CONTEXT)
    assert found is not None and found.format == "keyvalue"
    assert read_as("cef", "x", CONTEXT) is None and sniffed("xin chào", CONTEXT) is None


def test_envelopes_are_opened_to_a_bound() -> None:
    """Syslog in syslog is opened, a hostile stack of it only CARRIED deep."""
    text = "<13>Nov 21 16:30:00 ngoai relay: <13>Nov 21 16:29:59 trong sshd[1]: Connection closed by 203.0.113.9 port 22"
    outer = read_as("syslog", text, CONTEXT)
    assert outer is not None
    whole = opened(outer, CONTEXT)
    assert (whole.format, whole.host, whole.program) == ("sshd", "trong", "sshd")
    deep = read_as("syslog", "<13>x: " * 1000, CONTEXT)
    assert deep is not None and opened(deep, CONTEXT).message == "<13>x: " * (1000 - CARRIED - 1)
