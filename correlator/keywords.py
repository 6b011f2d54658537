"""Keywords: tests of any value of an event, whatever its field.

Wildcard texts are looked for in all values at once, joined by SEPARATOR, which no pattern crosses. The rare other tests
(regular expressions, networks) are made value by value. Where a value contains SEPARATOR itself, STAND_IN takes its place,
which no pattern names.
"""

from collections.abc import Sequence
from typing import Any

from correlator import patterns
from correlator.memory import States
from correlator.predicates import FieldIndex, Predicate, pattern
from correlator.rule import Database
from correlator.text import SEPARATOR, STAND_IN, fold, plain, texts


class Keywords:
    """The keyword predicates of one product's rules."""

    def __init__(self, database: Database, predicates: Sequence[Predicate], states: States) -> None:
        self.places = database.places
        alone = frozenset(database.checked)
        together = [pattern(place, predicates[place]) for place in database.places if place not in alone]
        listed = [pattern(place, predicates[place]) for place in alone if predicates[place].kind in patterns.KINDS]
        self._together = patterns.load(database.content, together, ())
        self._single = FieldIndex([(place, predicates[place]) for place in alone], patterns.load(b"", listed, ()))
        self._memo = states.memo(self._single) if alone else None
        self._digits = bool(alone) or any(_fits_number(one[2]) for one in together)
        self._passed = frozenset((str,) if self._digits else (str, int))
        self._states = states

    def state(self, fields: dict[str, Any]) -> int:
        """State of all values of an event together."""
        values = fields.values()
        found = [value for value in values if value.__class__ is str]
        if len(found) != len(values) and not self._passed.issuperset(map(type, values)):
            digits = self._digits
            for value in values:
                if value.__class__ is not str and (digits or value.__class__ is not int):
                    found.extend(texts(value))
        text = SEPARATOR.join(found)
        if text.count(SEPARATOR) >= len(found) > 0:
            text = SEPARATOR.join([value.replace(SEPARATOR, STAND_IN) for value in found])
        if text.isascii():
            folded = text
        else:
            text = plain(text)
            folded = fold(text)
        true: set[int] = set()
        if self._together is not None:
            true.update(self._together.hits(text, folded))
        if self._memo is not None:
            for one in found:
                true |= self._states.sets[self._memo[one]]
        return self._states.number(frozenset(true)) if true else 0


def _fits_number(glob: str) -> bool:
    """Could this be found in the text of an integer?"""
    return all(set(text) <= set("-0123456789") for what, text in patterns.parts(glob) if what == "=")
