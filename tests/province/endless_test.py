"""Lines without end: unique serials, reproducible, in order, understood."""

from itertools import islice

import pytest

from collector.normalize import Normalizer
from collector.recipe import Profile
from model import RawRecord
from model.moment import SECOND
from province.endless import Endless, serial_of
from province.places import FILES


def test_every_line_has_its_own_serial() -> None:
    """Serials count from ``first`` without a gap, so that a loss or a repeat shows."""
    found = [serial_of(text) for text in islice(Endless(1, first=500).texts(), 5000)]
    assert found == list(range(500, 5500))
    assert serial_of("no serial here") is None


def test_same_arguments_same_lines() -> None:
    """Two runs are equal; ``lines`` and ``texts`` agree."""
    first = list(islice(Endless(9).lines(), 3000))
    assert first == list(islice(Endless(9).lines(), 3000))
    assert [line.text for line in first] == list(islice(Endless(9).texts(), 3000))


def test_rate_sets_event_time() -> None:
    """At ``rate`` lines a second, that many lines are one second of event time; a rate below one counts as one."""
    lines = list(islice(Endless(1, rate=100).lines(), 201))
    assert lines[200].at - lines[0].at == 2 * SECOND
    slow = list(islice(Endless(1, rate=0).lines(), 2))
    assert slow[1].at - slow[0].at == SECOND


def test_channels_can_be_chosen() -> None:
    """Only the channels asked for appear; an unknown one is refused in a sentence."""
    assert {line.channel for line in islice(Endless(1, channels=("syslog",)).lines(), 1000)} == {"syslog"}
    with pytest.raises(ValueError, match="no line travels by fax"):
        Endless(1, channels=("fax",))


def test_lines_are_understood() -> None:
    """Every template parses, and the serial survives into the event."""
    normalizer = Normalizer({n: Profile(n, format=f.format, host=f.host) for n, f in FILES.items()}, [])
    for number, line in enumerate(islice(Endless(4).lines(), 2000)):
        record = RawRecord(line.channel.removeprefix("file:"), str(number), line.text.encode(), line.at)
        (event,) = normalizer.understand(record)
        assert event.format not in ("unparsed", "json", "keyvalue", "syslog"), line.text
        assert serial_of(event.original) == number
        assert abs(event.happened_at - line.at) <= SECOND
