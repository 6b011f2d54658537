"""The core of ``vonggac scan``: decoded events of a file → one row a match."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from correlator.alerts import level_of, trace_of
from correlator.match import Matcher
from correlator.stream import Stream
from correlator.windows import Windows
from correlator.windows_route import getter
from model import Event, Micros
from model.moment import DAY

LATENESS: Final[Micros] = DAY
"""A file need not be in order of time: records up to this much out of it still count in a window."""
_TICK: Final = 1_000
_NO_TIME: Final = "time:received"


class Row(msgspec.Struct, frozen=True):
    """One match. ``event`` is the 1-based number of the record in ``file``; ``rule`` is the rule's id."""

    event: int
    file: str
    rule: str
    title: str
    level: str


def scan(matcher: Matcher, file: str, events: Iterable[tuple[int, Event]]) -> Iterator[Row]:
    """Rows of all rules that hold, in the order of the events; of one event first detections, then correlations.

    A correlation has one row a run of matches, with the number of the record that completed its window. A rule that only
    correlations use is left out, as it raises no alert of its own.
    """
    rules = matcher.rules
    correlate = _Correlate(matcher) if matcher.correlations else None
    for number, event in events:
        hits = matcher.match(event)
        for place in hits:
            rule = rules[place]
            if rule.alerts:
                yield Row(number, file, rule.id, rule.title, rule.level)
        if correlate is not None:
            yield from correlate.rows(number, file, event, hits)


class _Correlate:
    """Correlations over one file. Records that name no time take no part: when they happened is not known."""

    def __init__(self, matcher: Matcher) -> None:
        self._windows = Windows(matcher.correlations, LATENESS)
        self._routes = [self._windows.routes.get(rule.id, ()) for rule in matcher.rules]
        self._stream = Stream()
        self._count = 0

    def rows(self, number: int, file: str, event: Event, hits: Sequence[int]) -> Iterator[Row]:
        """Rows of the correlations that ``event``, matched by the rules ``hits``, completes."""
        self._stream.observe(event)
        watermark = self._stream.newest - LATENESS
        self._count += 1
        if self._count % _TICK == 0:
            self._windows.tick(watermark)
        routes = [route for hit in hits for route in self._routes[hit]]
        if not routes or _NO_TIME in event.tags:
            return
        get, trace = getter(event), trace_of(event, event.received_at)
        for route in routes:
            match = route.match(get, event.id, event.happened_at, trace)
            for firing in self._windows.observe(match, watermark) if match is not None else ():
                correlation = self._windows.correlations[firing.correlation]
                if firing.change == "opened" and correlation.alerts:
                    yield Row(number, file, correlation.id, correlation.title, level_of(correlation))
