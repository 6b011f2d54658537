"""FortiGate lines, named as SigmaHQ names them."""

from collections.abc import Callable

import pytest

from collector.parsers import fortigate
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
VPN = (
    'date=2026-11-21 time=09:30:00 devname="FGT-TINH" logid="0101039426" type="event" subtype="vpn" level="alert" '
    'action="ssl-login-fail" remip=203.0.113.9 user="lan.nt" msg="Đăng nhập SSL lỗi"'
)
TRAFFIC = (
    'date=2026-11-21 time=09:30:00 devid="FG100" eventtime=1795228200123456789 tz="+0700" type="traffic" subtype="forward" '
    'srcip=10.10.7.21 srcport=51820 dstip=198.51.100.7 dstport=443 action="deny" sentbyte=120 app=N/A'
)
ADMIN = 'date=2026-11-21 time=09:30:00 devname="F" logid="0100044547" type="event" action="Add" cfgpath="system.admin" msg="x"'


def test_event() -> None:
    """Original keys stay, Sigma's are added, and the log source is fortigate / type."""
    parsed = fortigate.parse(VPN, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "src_ip": "203.0.113.9",
            "remip": "203.0.113.9",
            "user": "lan.nt",
            "username": "lan.nt",
            "action": "ssl-login-fail",
            "message": "Đăng nhập SSL lỗi",
        }.items()
    )
    assert parsed.logsource == LogSource(product="fortigate", categories=("firewall",), service="event")
    assert (parsed.host, parsed.happened_at) == ("FGT-TINH", 1_795_228_200_000_000)


def test_traffic() -> None:
    """Ports and bytes are numbers, a denied connection is blocked, eventtime counts nanoseconds, N/A is absent."""
    parsed = fortigate.parse("<189>" + TRAFFIC, CONTEXT)
    assert (parsed.fields["src_port"], parsed.fields["dst_port"], parsed.fields["sentbyte"]) == (51820, 443, 120)
    assert parsed.fields["blocked"] == "true"
    assert "app" not in parsed.fields
    assert parsed.happened_at == 1_795_228_200_123_456


def test_configuration_changes_keep_sigmahq_names() -> None:
    """``cfgpath`` and ``action`` are as SigmaHQ's rules for FortiGate test them."""
    fields = fortigate.parse(ADMIN, CONTEXT).fields
    assert (fields["action"], fields["cfgpath"]) == ("Add", "system.admin")


@pytest.mark.parametrize("text", ["", "date=2026-11-21 time=09:30:00", "type=event msg=x", "hello"])
def test_others_are_refused(text: str) -> None:
    """Without type and device it is no FortiGate line."""
    with pytest.raises(ParseError):
        fortigate.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(fortigate.parse, (VPN, TRAFFIC, ADMIN))
