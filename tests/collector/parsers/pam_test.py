"""PAM modules in any program."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.parsers import pam
from collector.recipe import Context
from model import ParseError

CONTEXT = Context(received_at=0)
FAILED = "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=lan.nt"
SAMPLES = (
    FAILED,
    "pam_unix(su:session): session opened for user root(uid=0) by lan.nt(uid=1000)",
    "pam_faillock(sshd:auth): Consecutive login failures for user lan.nt account temporarily locked",
    "pam_unix(passwd:chauthtok): password changed for nguyễn.lan",
    "pam_unix(cron:account): account lan has expired (account expired)",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FAILED, {"action": "auth_failed", "service": "sshd", "type": "auth", "username": "lan.nt", "src_ip": "203.0.113.9"}),
        (SAMPLES[1], {"action": "session_opened", "username": "root", "uid": 0, "by": "lan.nt", "service": "su"}),
        (SAMPLES[2], {"action": "account_locked", "username": "lan.nt", "module": "pam_faillock"}),
        (SAMPLES[3], {"action": "password_changed", "username": "nguyễn.lan"}),
        (SAMPLES[4], {"action": "account_expired", "username": "lan"}),
        ("pam_unix(sshd:auth): check pass; user unknown", {"action": "user_unknown"}),
        ("pam_unix(sudo:auth): auth could not identify password for [lan]", {"action": "auth_failed", "username": "lan"}),
        ("pam_systemd(sshd:session): New session 4", {"module": "pam_systemd", "service": "sshd"}),
    ],
)
def test_messages(text: str, expected: dict[str, Any]) -> None:
    """Each message gives its module, its service and what happened to whom."""
    assert pam.parse(text, CONTEXT).fields.items() >= expected.items()


def test_a_name_cannot_forge_the_remote_host() -> None:
    """``rhost=`` inside the user's name is part of the name."""
    fields = pam.parse(FAILED + " rhost=10.0.0.1", CONTEXT).fields
    assert fields["src_ip"] == "203.0.113.9"
    assert fields["username"] == "lan.nt rhost=10.0.0.1"


def test_a_host_name_is_no_address() -> None:
    """``rhost`` that is a name gives no ``src_ip``."""
    fields = pam.parse(FAILED.replace("203.0.113.9", "may-tram.example"), CONTEXT).fields
    assert fields["rhost"] == "may-tram.example"
    assert "src_ip" not in fields


def test_other_text_is_refused() -> None:
    """Text without ``module(service:type):`` is no PAM message."""
    with pytest.raises(ParseError):
        pam.parse("session opened for user root", CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(pam.parse, SAMPLES)
