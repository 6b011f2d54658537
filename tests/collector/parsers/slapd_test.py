"""slapd: connections, binds, searches and their results."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.parsers import slapd
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
SAMPLES = (
    'conn=1001 op=0 BIND dn="uid=lan,ou=Cán bộ,dc=tinh" method=128',
    "conn=1001 fd=12 ACCEPT from IP=203.0.113.9:40022 (IP=0.0.0.0:389)",
    "conn=1001 op=0 RESULT tag=97 err=49 qtime=0.000010 etime=0.000200 text=",
    'conn=1001 op=1 SRCH base="dc=tinh" scope=2 deref=0 filter="(&(uid=lan)(text=x))"',
    "conn=1001 op=1 SEARCH RESULT tag=101 err=32 nentries=0 text=no such object",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SAMPLES[0], {"conn": 1001, "op": 0, "operation": "BIND", "dn": "uid=lan,ou=Cán bộ,dc=tinh", "method": "128"}),
        (SAMPLES[1], {"operation": "ACCEPT", "src_ip": "203.0.113.9", "src_port": 40022, "fd": 12}),
        (SAMPLES[2], {"operation": "RESULT", "err": 49, "tag": 97}),
        (SAMPLES[3], {"operation": "SRCH", "base": "dc=tinh", "scope": 2, "filter": "(&(uid=lan)(text=x))"}),
        (SAMPLES[4], {"operation": "SEARCH RESULT", "err": 32, "nentries": 0, "text": "no such object"}),
        ("conn=7 fd=9 ACCEPT from IP=[2001:db8::7]:4000 (IP=[::]:389)", {"src_ip": "2001:db8::7", "src_port": 4000}),
        ("conn=7 fd=9 ACCEPT from PATH=/run/ldapi (PATH=/run/ldapi)", {"operation": "ACCEPT"}),
        ("conn=7 fd=9 closed (connection lost)", {"operation": "closed", "reason": "connection lost"}),
        ("conn=7 op=2 UNBIND", {"operation": "UNBIND"}),
        ("slapd starting", {"message": "slapd starting"}),
    ],
)
def test_messages(text: str, expected: dict[str, Any]) -> None:
    """Each message gives its connection, operation and outcome."""
    parsed = slapd.parse(text, CONTEXT)
    assert parsed.fields.items() >= expected.items()
    assert parsed.logsource == LogSource(product="linux", service="slapd")


def test_nothing_is_refused() -> None:
    """An empty message is no message."""
    with pytest.raises(ParseError):
        slapd.parse(" ", CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(slapd.parse, SAMPLES)
