"""PostgreSQL's log and pgaudit's lines in it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from collector.parsers import pgaudit
from collector.recipe import Context
from model import ParseError

CONTEXT = Context(received_at=0)
AUDIT = (
    "2026-11-21 09:30:00.123 +07 [4242] dvc@hoso 10.10.2.15 LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.cong_dan,"
    '"select ""họ tên"" from cong_dan, x",<not logged>,48213'
)
FATAL = '2026-11-21 09:30:00.123 +07 [4242] dvc@hoso FATAL:  password authentication failed for user "dvc"'
SYSLOG = "[5-1] dvc@hoso 10.0.0.1(5555) LOG:  statement: select 1"
OBJECT = json.dumps(
    {
        "timestamp": "2026-11-21 09:30:00.123 +07",
        "user": "dvc",
        "dbname": "hoso",
        "pid": 4242,
        "remote_host": "10.10.2.15",
        "error_severity": "LOG",
        "message": "AUDIT: OBJECT,1,1,WRITE,UPDATE,TABLE,public.ho_so,update ho_so,<none>",
    }
)
SAMPLES = (AUDIT, FATAL, SYSLOG, OBJECT)


@pytest.mark.parametrize(
    ("text", "service", "expected"),
    [
        (
            AUDIT,
            "pgaudit",
            {
                "user": "dvc",
                "database": "hoso",
                "src_ip": "10.10.2.15",
                "pid": 4242,
                "level": "LOG",
                "audit_type": "SESSION",
                "class": "READ",
                "command": "SELECT",
                "object_type": "TABLE",
                "object_name": "public.cong_dan",
                "statement": 'select "họ tên" from cong_dan, x',
                "rows": 48213,
            },
        ),
        (FATAL, "postgresql", {"action": "auth_failed", "user": "dvc", "method": "password", "level": "FATAL"}),
        (SYSLOG, "postgresql", {"statement": "select 1", "src_ip": "10.0.0.1", "src_port": 5555}),
        (OBJECT, "pgaudit", {"audit_type": "OBJECT", "command": "UPDATE", "statement": "update ho_so", "database": "hoso"}),
        (
            "2026-11-21 09:30:00.123 ICT [9] dvc@hoso [local] LOG:  connection authorized: user=dvc database=hoso",
            "postgresql",
            {"action": "connected", "user": "dvc"},
        ),
        (
            "2026-11-21 02:30:00.123 UTC [9] LOG:  disconnection: session time: 0:00:01 user=dvc database=hoso host=10.0.0.1",
            "postgresql",
            {"action": "disconnected", "src_ip": "10.0.0.1", "database": "hoso"},
        ),
        (
            "2026-11-21 09:30:00.123 +07 [9] dvc@hoso 10.0.0.1 ERROR:  permission denied for table cong_dan",
            "postgresql",
            {"action": "denied", "object_name": "cong_dan"},
        ),
    ],
)
def test_records(text: str, service: str, expected: dict[str, Any]) -> None:
    """Each record gives who, from where, on which database, and what; audit lines are a service of their own."""
    parsed = pgaudit.parse(text, CONTEXT)
    assert parsed.fields.items() >= expected.items()
    assert (parsed.logsource.service, parsed.logsource.categories) == (service, ("database",))
    assert parsed.happened_at in (1_795_228_200_123_000, None)


def test_a_statement_may_have_lines() -> None:
    """A statement over several lines stays whole."""
    text = AUDIT.replace("from cong_dan", "\n\tfrom cong_dan")
    assert "\n\tfrom" in pgaudit.parse(text, CONTEXT).fields["statement"]


@pytest.mark.parametrize("text", ["", "hello", "2026-11-21 09:30:00 LOG: one blank", "{}"])
def test_others_are_refused(text: str) -> None:
    """What has no severity is no record."""
    with pytest.raises(ParseError):
        pgaudit.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None], hostile_objects: Callable[..., None]) -> None:
    """Any text or object gives a result or ParseError, and soon."""
    hostile(pgaudit.parse, SAMPLES)
    hostile_objects(pgaudit, (OBJECT,))
