"""Postfix: the way of a message, and who is not let in."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.parsers import postfix
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0, program="postfix/smtpd")
REJECT = (
    "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <a@ngoai.example>: Relay access denied; "
    "from=<x@la.example> to=<a@ngoai.example> proto=ESMTP helo=<la.example>"
)
SENT = (
    "4Xk2pR1vzTz9: to=<a@ngoai.example>, relay=mx.ngoai.example[198.51.100.7]:25, delay=1.2, delays=0.1/0/0.5/0.6, "
    "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9A, status=x)"
)
SAMPLES = (
    "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=lan.nt@ubnd.example",
    REJECT,
    SENT,
    "4Xk2pR1vzTz9: client=mx.example[192.0.2.7], sasl_method=PLAIN, sasl_username=lan@ubnd.example",
    "4Xk2pR1vzTz9: from=<lan@ubnd.example>, size=4521, nrcpt=3 (queue active)",
    "lost connection after AUTH from unknown[203.0.113.9]",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            SAMPLES[0],
            {
                "action": "auth_failed",
                "username": "lan.nt@ubnd.example",
                "src_ip": "203.0.113.9",
                "sasl_method": "LOGIN",
                "process": "smtpd",
            },
        ),
        (
            REJECT,
            {
                "action": "reject",
                "smtp_code": 554,
                "dsn": "5.7.1",
                "sender": "x@la.example",
                "recipient": "a@ngoai.example",
                "helo": "la.example",
                "reason": "<a@ngoai.example>: Relay access denied",
            },
        ),
        (SENT, {"action": "delivery", "status": "sent", "dst_ip": "198.51.100.7", "delay": 1.2, "queue_id": "4Xk2pR1vzTz9"}),
        (SAMPLES[3], {"action": "accepted", "username": "lan@ubnd.example", "src_host": "mx.example", "src_ip": "192.0.2.7"}),
        (SAMPLES[4], {"action": "queued", "sender": "lan@ubnd.example", "size": 4521, "nrcpt": 3}),
        (SAMPLES[5], {"action": "lost_connection", "reason": "AUTH", "src_ip": "203.0.113.9"}),
        ("connect from mx.example[2001:db8::7]", {"action": "connected", "src_ip": "2001:db8::7", "src_host": "mx.example"}),
        ("disconnect from unknown[203.0.113.9] ehlo=1 auth=0/1", {"action": "disconnected", "auth_commands": "0/1"}),
        ("4Xk2pR1vzTz9: removed", {"action": "removed"}),
        ("4Xk2pR1vzTz9: message-id=<thư.1@ubnd.example>", {"message_id": "thư.1@ubnd.example"}),
        ("warning: queue file is damaged", {"action": "warning", "reason": "queue file is damaged"}),
        ("statistics: max connection rate 1/60s", {"message": "statistics: max connection rate 1/60s"}),
    ],
)
def test_messages(text: str, expected: dict[str, Any]) -> None:
    """Each daemon's line gives its action and parties; the daemon comes from the program."""
    parsed = postfix.parse(text, CONTEXT)
    assert parsed.fields.items() >= expected.items()
    assert parsed.logsource == LogSource(product="linux", service="postfix")


def test_processes() -> None:
    """The daemon's name keeps the service it runs for; an empty message is refused."""
    context = Context(received_at=0, program="postfix/submission/smtpd[123]")
    assert postfix.parse("connect from a[192.0.2.7]", context).fields["process"] == "submission/smtpd"
    with pytest.raises(ParseError):
        postfix.parse("", CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(postfix.parse, SAMPLES)
