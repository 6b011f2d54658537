"""The core of ``vonggac scan``: decoded events of a file → one row a match."""

from collections.abc import Iterable, Iterator

import msgspec

from correlator.match import Matcher
from model import Event


class Row(msgspec.Struct, frozen=True):
    """One match. ``event`` is the 1-based number of the record in ``file``; ``rule`` is the rule's id."""

    event: int
    file: str
    rule: str
    title: str
    level: str


def scan(matcher: Matcher, file: str, events: Iterable[tuple[int, Event]]) -> Iterator[Row]:
    """Rows of all rules that hold, in the order of the events, then of the rules.

    A rule that only correlations use is left out, as it raises no alert of its own.
    """
    rules = matcher.rules
    for number, event in events:
        for place in matcher.match(event):
            rule = rules[place]
            if rule.alerts:
                yield Row(number, file, rule.id, rule.title, rule.level)
