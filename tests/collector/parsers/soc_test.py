"""The SOC's own signals as events."""

import json
from collections.abc import Callable

import pytest

from collector.parsers import soc
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
SILENT = json.dumps(
    {
        "product": "vonggac",
        "service": "soc",
        "event": "source_silent",
        "time": "2026-11-21T02:30:00Z",
        "source": "congdvc",
        "host": "web-dvc-01",
        "silent_for": 900,
        "message": "web-dvc-01 im lặng 15 phút",
    }
)


def test_silent_source() -> None:
    """A signal gives its event, source and host, at its own time (RFC 3339 or microseconds)."""
    parsed = soc.parse(SILENT, CONTEXT)
    assert parsed.fields.items() >= {"event": "source_silent", "source": "congdvc", "silent_for": 900}.items()
    assert (parsed.host, parsed.happened_at) == ("web-dvc-01", 1_795_228_200_000_000)
    assert parsed.logsource == LogSource(product="vonggac", service="soc")
    micros = SILENT.replace('"2026-11-21T02:30:00Z"', "1795228200000000")
    assert soc.parse(micros, CONTEXT).happened_at == 1_795_228_200_000_000


@pytest.mark.parametrize("text", ["", "{}", '{"product":"vonggac","service":"soc"}', SILENT.replace('"source_silent"', "1")])
def test_others_are_refused(text: str) -> None:
    """What is no signal of ours is refused."""
    with pytest.raises(ParseError):
        soc.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None], hostile_objects: Callable[..., None]) -> None:
    """Any text or object gives a result or ParseError, and soon."""
    hostile(soc.parse, (SILENT,))
    hostile_objects(soc, (SILENT,))
