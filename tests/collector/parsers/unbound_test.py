"""Unbound's queries, replies and local zones."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.parsers import unbound
from collector.recipe import Context
from model import ParseError

CONTEXT = Context(received_at=0)
SAMPLES = (
    "[1795228200] unbound[612:0] info: 10.10.7.21 ac1.doc-hai.example. TXT IN",
    "[612:0] info: 10.10.7.21 example. A IN NOERROR 0.012000 1 45",
    "[1795228200] unbound[612:0] info: doc-hai.example. always_nxdomain 10.10.7.21@40022 www.doc-hai.example. A IN",
    "[1795228200] unbound[612:0] notice: init module 0: validator",
)


@pytest.mark.parametrize(
    ("text", "service", "expected"),
    [
        (SAMPLES[0], "query", {"query": "ac1.doc-hai.example", "record_type": "TXT", "src_ip": "10.10.7.21"}),
        (SAMPLES[1], "query", {"rcode": "NOERROR", "duration": 0.012, "cached": True, "size": 45}),
        (SAMPLES[2], "query", {"action": "always_nxdomain", "zone": "doc-hai.example", "query": "www.doc-hai.example"}),
        (SAMPLES[3], "server", {"level": "notice", "message": "init module 0: validator"}),
        ("info: 10.10.7.21 . NS IN", "query", {"query": ".", "record_type": "NS"}),
    ],
)
def test_lines(text: str, service: str, expected: dict[str, Any]) -> None:
    """Queries are category dns without the final dot, other lines are the server's."""
    parsed = unbound.parse(text, CONTEXT)
    assert parsed.fields.items() >= expected.items()
    assert (parsed.logsource.product, parsed.logsource.service) == ("unbound", service)
    assert parsed.logsource.categories == (("dns",) if service == "query" else ())
    assert parsed.happened_at == (1_795_228_200_000_000 if text.startswith("[17") else None)


@pytest.mark.parametrize("text", ["", "hello", "10.10.7.21 example. A IN"])
def test_others_are_refused(text: str) -> None:
    """What has no level is no unbound line."""
    with pytest.raises(ParseError):
        unbound.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(unbound.parse, SAMPLES)
