"""Dovecot: log-ins, failed ones, and names that try to lie."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.parsers import dovecot
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0, program="dovecot")
LOGIN = (
    "imap-login: Login: user=<lan.nt@ubnd.example>, method=PLAIN, rip=203.0.113.9, lip=10.10.1.25, mpid=42, TLS, session=<abc>"
)
FAILED = (
    "pop3-login: Disconnected (auth failed, 3 attempts in 12 secs): user=<lan>, method=PLAIN, rip=203.0.113.9, "
    "lip=10.10.1.25, session=<abc>"
)
SAMPLES = (
    LOGIN,
    FAILED,
    "imap-login: Disconnected (no auth attempts in 0 secs): user=<>, rip=203.0.113.9, lip=10.10.1.25, session=<abc>",
    "auth: passwd-file(nguyễn.lan,203.0.113.9,<abc>): Password mismatch",
    "imap(lan)<4242><abc>: Disconnected: Logged out in=38 out=511",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            LOGIN,
            {
                "protocol": "imap",
                "action": "login",
                "username": "lan.nt@ubnd.example",
                "src_ip": "203.0.113.9",
                "tls": True,
                "method": "PLAIN",
                "session": "abc",
            },
        ),
        (FAILED, {"protocol": "pop3", "action": "auth_failed", "attempts": 3, "username": "lan"}),
        (SAMPLES[2], {"action": "aborted", "src_ip": "203.0.113.9"}),
        (SAMPLES[3], {"action": "auth_failed", "username": "nguyễn.lan", "src_ip": "203.0.113.9", "backend": "passwd-file"}),
        (SAMPLES[4], {"action": "disconnected", "username": "lan", "bytes_out": 511}),
        ("auth-worker(9): Info: pam(lan,203.0.113.9): unknown user", {"action": "auth_failed", "username": "lan"}),
        ("master: Warning: Killed with signal 15", {"message": "master: Warning: Killed with signal 15"}),
    ],
)
def test_messages(text: str, expected: dict[str, Any]) -> None:
    """Each message gives protocol, action, user and address."""
    parsed = dovecot.parse(text, CONTEXT)
    assert parsed.fields.items() >= expected.items()
    assert parsed.logsource == LogSource(product="linux", service="dovecot")


def test_a_name_cannot_forge_its_address() -> None:
    """``rip=`` inside the user's name is part of the name."""
    forged = FAILED.replace("user=<lan>", "user=<lan, rip=10.0.0.1>")
    fields = dovecot.parse(forged, CONTEXT).fields
    assert (fields["username"], fields["src_ip"]) == ("lan, rip=10.0.0.1", "203.0.113.9")


def test_pam_and_nothing() -> None:
    """PAM inside Dovecot is PAM's; an empty message is refused."""
    assert dovecot.parse("pam_unix(dovecot:auth): authentication failure; rhost=203.0.113.9  user=lan", CONTEXT).format == "pam"
    with pytest.raises(ParseError):
        dovecot.parse("\n", CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(dovecot.parse, SAMPLES)
