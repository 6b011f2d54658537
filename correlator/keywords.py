"""Keywords: tests of any value of an event, whatever its field.

Wildcard texts are looked for in all values at once, joined by SEPARATOR, which no pattern crosses. The rare other tests
(regular expressions, networks) are made value by value, as are all when a value contains SEPARATOR itself.
"""

from collections.abc import Sequence
from typing import Any

from correlator import patterns
from correlator.memory import States
from correlator.predicates import FieldIndex, Predicate, pattern
from correlator.rule import Database
from correlator.text import SEPARATOR, fold, plain, texts


class Keywords:
    """The keyword predicates of one product's rules."""

    def __init__(self, database: Database, predicates: Sequence[Predicate], states: States) -> None:
        alone = frozenset(database.checked)
        together = [pattern(place, predicates[place]) for place in database.places if place not in alone]
        listed = [pattern(place, predicates[place]) for place in alone if predicates[place].kind in patterns.KINDS]
        self._together = patterns.load(database.content, together, ())
        self._single = FieldIndex([(place, predicates[place]) for place in alone], patterns.load(b"", listed, ()))
        self._memo = states.memo(self._single) if alone else None
        self._states = states

    def state(self, fields: dict[str, Any]) -> int:
        """State of all values of an event together."""
        values = fields.values()
        try:
            text = SEPARATOR.join(values)
        except TypeError:  # most events have a number among their values
            text = SEPARATOR.join(
                [v if v.__class__ is str else str(v) if v.__class__ is int else SEPARATOR.join(texts(v)) for v in values]
            )
        if text.isascii():
            folded = text
        else:
            text = plain(text)
            folded = fold(text)
        true: set[int] = set()
        if self._together is not None:
            if text.count(SEPARATOR) < len(values) or not any(SEPARATOR in one for value in values for one in texts(value)):
                true.update(self._together.hits(text, folded))
            else:
                true.update(hit for value in values for one in texts(value) for hit in self._together.hits(one, fold(one)))
        if self._memo is not None:
            for value in values:
                for one in texts(value):
                    true |= self._states.sets[self._memo[one]]
        return self._states.number(frozenset(true)) if true else 0
