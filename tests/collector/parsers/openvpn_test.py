"""OpenVPN: who connected, who could not."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.parsers import openvpn
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
SAMPLES = (
    "2026-11-21 09:30:00 lan.nt/203.0.113.9:51820 TLS Auth Error: Auth Username/Password verification failed for peer",
    "Sat Nov 21 09:30:00 2026 us=123456 203.0.113.9:51820 [lan] Peer Connection Initiated with [AF_INET]203.0.113.9:51820",
    "lan/203.0.113.9:51820 MULTI: Learn: 10.8.0.6 -> lan/203.0.113.9:51820",
    "203.0.113.9:51820 TLS Error: TLS handshake failed",
    "nguyễn.lan/203.0.113.9:51820 SIGTERM[soft,remote-exit] received, client-instance exiting",
)


@pytest.mark.parametrize(
    ("text", "expected", "at"),
    [
        (SAMPLES[0], {"action": "auth_failed", "username": "lan.nt", "src_ip": "203.0.113.9"}, 1_795_228_200_000_000),
        (SAMPLES[1], {"action": "connected", "username": "lan", "src_port": 51820}, 1_795_228_200_123_456),
        (SAMPLES[2], {"action": "address_assigned", "assigned_ip": "10.8.0.6", "username": "lan"}, None),
        (SAMPLES[3], {"action": "tls_error", "reason": "TLS handshake failed", "src_ip": "203.0.113.9"}, None),
        (SAMPLES[4], {"action": "disconnected", "username": "nguyễn.lan"}, None),
        ("203.0.113.9:5 VERIFY ERROR: depth=0, error=CRL has expired", {"action": "verify_error"}, None),
        ("Initialization Sequence Completed", {"message": "Initialization Sequence Completed"}, None),
    ],
)
def test_messages(text: str, expected: dict[str, Any], at: int | None) -> None:
    """Each message gives its action, client and, where it has one, its time."""
    parsed = openvpn.parse(text, CONTEXT)
    assert parsed.fields.items() >= expected.items()
    assert parsed.happened_at == at
    assert parsed.logsource == LogSource(product="openvpn", service="openvpn")


def test_nothing_is_refused() -> None:
    """An empty message is no message."""
    with pytest.raises(ParseError):
        openvpn.parse("", CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(openvpn.parse, SAMPLES)
