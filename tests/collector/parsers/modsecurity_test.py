"""ModSecurity audit entries of both versions."""

import json
from collections.abc import Callable

import pytest

from collector.parsers import modsecurity
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
V3 = json.dumps(
    {
        "transaction": {
            "client_ip": "203.0.113.9",
            "client_port": 4444,
            "host_ip": "10.10.2.10",
            "host_port": 443,
            "time_stamp": "Sat Nov 21 09:30:00 2026",
            "unique_id": "u1",
            "request": {
                "method": "GET",
                "http_version": 1.1,
                "uri": "/tra-cuu?id=1%27--",
                "headers": {"Host": "dvc.example", "User-Agent": "sqlmap"},
            },
            "response": {"http_code": 403, "headers": {}},
            "messages": [
                {"message": "Tấn công SQL", "details": {"ruleId": "942100", "severity": "2", "match": "m", "tags": ["sqli"]}},
                {"message": "Anomaly", "details": {"ruleId": "949110", "severity": "2", "match": "", "tags": ["sqli"]}},
            ],
        }
    }
)
V2 = json.dumps(
    {
        "transaction": {
            "time": "21/Nov/2026:09:30:00.123456 +0700",
            "transaction_id": "t1",
            "remote_address": "203.0.113.9",
            "remote_port": 444,
            "local_address": "10.10.2.10",
            "local_port": 443,
        },
        "request": {"request_line": "POST /nop?a=b HTTP/1.1", "headers": {"Host": "dvc.example"}},
        "response": {"status": 200},
        "audit_data": {
            "messages": [
                'Warning. Pattern match "x" at ARGS. [file "/r.conf"] [line "1"] [id "942100"] [msg "SQL [x]"] '
                '[severity "CRITICAL"] [tag "a"] [tag "b"]'
            ],
        },
    }
)


def test_version_3() -> None:
    """Each rule that matched adds to the lists, severities get their names, a refused request is blocked."""
    parsed = modsecurity.parse(V3, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "c-ip": "203.0.113.9",
            "src_ip": "203.0.113.9",
            "s-port": 443,
            "cs-method": "GET",
            "cs-uri-stem": "/tra-cuu",
            "cs-uri-query": "id=1%27--",
            "cs-host": "dvc.example",
            "cs-user-agent": "sqlmap",
            "sc-status": 403,
            "rule_id": ["942100", "949110"],
            "message": ["Tấn công SQL", "Anomaly"],
            "severity": ["CRITICAL", "CRITICAL"],
            "tag": ["sqli"],
            "action": "blocked",
        }.items()
    )
    assert parsed.happened_at == 1_795_228_200_000_000
    assert parsed.logsource == LogSource(product="modsecurity", categories=("waf",), service="audit")


def test_version_2() -> None:
    """The bracketed parts of version 2's messages give the same fields; a request let through is detected."""
    parsed = modsecurity.parse(V2, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "c-ip": "203.0.113.9",
            "cs-method": "POST",
            "cs-uri-stem": "/nop",
            "rule_id": ["942100"],
            "message": ["SQL [x]"],
            "severity": ["CRITICAL"],
            "tag": ["a", "b"],
            "action": "detected",
            "unique_id": "t1",
        }.items()
    )
    assert parsed.happened_at == 1_795_228_200_000_000


@pytest.mark.parametrize("text", ["", "{}", '{"transaction": {}}', '{"transaction": {"remote_address": "x"}}', "[]"])
def test_others_are_refused(text: str) -> None:
    """What is no audit entry is refused."""
    with pytest.raises(ParseError):
        modsecurity.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None], hostile_objects: Callable[..., None]) -> None:
    """Any text or object gives a result or ParseError, and soon."""
    hostile(modsecurity.parse, (V3, V2))
    hostile_objects(modsecurity, (V3, V2))
