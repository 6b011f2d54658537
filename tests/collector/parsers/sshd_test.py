"""sshd's messages: who came, from where, and names that try to lie about it."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.parsers import sshd
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
SAMPLES = (
    "Failed password for invalid user quản_trị from 203.0.113.9 port 40022 ssh2",
    "Accepted publickey for lan.nt from 192.0.2.7 port 5022 ssh2: ED25519 SHA256:abcdef",
    "Disconnecting invalid user admin 203.0.113.9 port 55: Too many authentication failures [preauth]",
    "message repeated 5 times: [ Failed password for root from 203.0.113.9 port 40022 ssh2]",
    "User lan.nt from 203.0.113.9 not allowed because not listed in AllowUsers",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            SAMPLES[0],
            {"action": "failed", "method": "password", "username": "quản_trị", "src_ip": "203.0.113.9", "src_port": 40022},
        ),
        (SAMPLES[1], {"action": "accepted", "username": "lan.nt", "key_type": "ED25519", "fingerprint": "SHA256:abcdef"}),
        (SAMPLES[2], {"action": "disconnected", "username": "admin", "src_port": 55, "invalid_user": True}),
        (SAMPLES[3], {"action": "failed", "username": "root", "repeated": 5}),
        (SAMPLES[4], {"action": "refused", "username": "lan.nt", "reason": "not listed in AllowUsers"}),
        ("Invalid user  from 203.0.113.9 port 40", {"action": "invalid_user", "src_ip": "203.0.113.9", "src_port": 40}),
        ("Connection closed by 203.0.113.9 port 40022 [preauth]", {"action": "disconnected", "src_ip": "203.0.113.9"}),
        (
            "error: maximum authentication attempts exceeded for root from 2001:db8::9 port 44 ssh2 [preauth]",
            {"action": "max_attempts", "username": "root", "src_ip": "2001:db8::9"},
        ),
        ("Server listening on 0.0.0.0 port 22.", {"message": "Server listening on 0.0.0.0 port 22."}),
    ],
)
def test_messages(text: str, expected: dict[str, Any]) -> None:
    """Each message gives its action, its user and its address; unknown ones are kept with their text."""
    parsed = sshd.parse(text, CONTEXT)
    assert parsed.fields.items() >= expected.items()
    assert parsed.fields["message"] == text
    assert parsed.logsource == LogSource(product="linux", service="sshd")


def test_a_name_cannot_forge_its_address() -> None:
    """An unchecked user name that looks like the rest of the line does not change the address."""
    forged = "Failed password for invalid user x from 10.0.0.1 port 1 ssh2 from 203.0.113.9 port 40022 ssh2"
    assert sshd.parse(forged, CONTEXT).fields["src_ip"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("text", "username"),
    [
        (r"Failed password for invalid user \304\221\341\272\267ng.an from 203.0.113.9 port 4 ssh2", "đặng.an"),
        (r"Connection closed by invalid user \\304\\221\\341\\272\\267ng.an 203.0.113.9 port 4 [preauth]", "đặng.an"),
        (r"Invalid user TINH\\an from 203.0.113.9 port 4", r"TINH\an"),
        (r"Invalid user TINH\\304n from 203.0.113.9 port 4", r"TINH\304n"),
        (r"Invalid user \304x\777\033[2J from 203.0.113.9 port 4", r"\304x\777\033[2J"),
    ],
)
def test_names_beyond_ascii(text: str, username: str) -> None:
    """Octal escapes become letters again, once for sshd itself, twice for its child before log-in; control bytes do not."""
    assert sshd.parse(text, CONTEXT).fields["username"] == username


def test_pam_inside_sshd_is_pams() -> None:
    """What a PAM module says inside sshd has PAM's log source, and an empty message is refused."""
    assert sshd.parse("pam_unix(sshd:session): session closed for user lan.nt", CONTEXT).logsource.service == "auth"
    with pytest.raises(ParseError):
        sshd.parse("  ", CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(sshd.parse, SAMPLES)
