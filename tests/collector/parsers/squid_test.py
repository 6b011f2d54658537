"""Squid's access log."""

from collections.abc import Callable

import pytest

from collector.parsers import squid
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
GET = (
    "1795228200.123    245 10.10.7.21 TCP_MISS/200 4512 GET http://tintuc.example:8080/a/mẫu.EXE?x=1 lan.nt "
    "HIER_DIRECT/198.51.100.7 text/html"
)
CONNECT = '1795228200.123 9 10.10.7.21 TCP_TUNNEL/200 39 CONNECT a.example:443 - HIER_DIRECT/198.51.100.7 - "-" "curl/8"'
BAD = "1795228200.1 0 10.10.7.21 NONE_NONE/400 0 NONE error:invalid-request - HIER_NONE/- text/html"


def test_get() -> None:
    """A request gives Sigma's proxy fields: whole URI, its parts, host, user, status."""
    parsed = squid.parse(GET, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "c-ip": "10.10.7.21",
            "cs-method": "GET",
            "c-uri": "http://tintuc.example:8080/a/mẫu.EXE?x=1",
            "cs-host": "tintuc.example",
            "r-dns": "tintuc.example",
            "c-uri-query": "x=1",
            "c-uri-extension": "exe",
            "dst_port": 8080,
            "sc-status": 200,
            "sc-bytes": 4512,
            "c-username": "lan.nt",
            "dst_ip": "198.51.100.7",
            "result": "TCP_MISS",
        }.items()
    )
    assert parsed.happened_at == 1_795_228_200_123_000
    assert parsed.logsource == LogSource(product="squid", categories=("proxy",), service="access")


def test_tunnels_and_errors() -> None:
    """A tunnel has host and port but no path, appended parts are read, an error has no host."""
    fields = squid.parse(CONNECT, CONTEXT).fields
    assert (fields["cs-host"], fields["dst_port"], fields["c-useragent"]) == ("a.example", 443, "curl/8")
    assert not fields.keys() & {"c-uri-stem", "c-username", "cs-referer"}
    assert "cs-host" not in squid.parse(BAD, CONTEXT).fields


@pytest.mark.parametrize("text", ["", "hello", GET.replace(".123", ""), GET.replace("/200", "-200"), GET[:60]])
def test_others_are_refused(text: str) -> None:
    """Too few columns, or columns of another kind, are refused."""
    with pytest.raises(ParseError):
        squid.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(squid.parse, (GET, CONNECT, BAD))
