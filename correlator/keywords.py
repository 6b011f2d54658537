"""Keywords: tests of any value of an event, whatever its field.

A value in which nothing was found is remembered, within bounds, and passed over from then on; so are texts too short for any
pattern. In the others wildcard texts are looked for at once, joined by SEPARATOR, which no pattern crosses. The rare other tests
(regular expressions, networks) are made value by value. Where a value contains SEPARATOR itself, STAND_IN takes its place,
which no pattern names.
"""

from collections.abc import Sequence
from itertools import filterfalse
from typing import Any, Final

from correlator import patterns
from correlator.memory import LONG, States
from correlator.predicates import FieldIndex, Predicate, pattern
from correlator.rule import Database
from correlator.text import SEPARATOR, STAND_IN, fold, plain, texts

VALUES: Final = 50_000
"""Values without a keyword that are remembered: at most some 12 MB of the usual length, 60 MB of the longest."""


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
        self._least = 0 if alone else min((_least(one[2]) for one in together), default=0)
        self._nothing: set[str] = set()
        self._states = states

    def state(self, fields: dict[str, Any]) -> int:
        """State of all values of an event together."""
        try:
            values = list(filterfalse(self._nothing.__contains__, fields.values()))
        except TypeError:  # a list, which cannot be looked up
            values = list(fields.values())
        least, digits, found = self._least, self._digits, []
        for value in values:
            if value.__class__ is str:
                if len(value) >= least:
                    found.append(value)
            elif digits or value.__class__ is not int:
                found.extend(texts(value))
        if not found:
            return 0
        true = self._truths(found)
        if true:
            return self._states.number(frozenset(true))
        self._remember(found)
        return 0

    def _truths(self, found: list[str]) -> set[int]:
        text = SEPARATOR.join(found)
        if text.count(SEPARATOR) >= len(found):
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
        return true

    def _remember(self, found: list[str]) -> None:
        if len(self._nothing) >= VALUES:
            self._nothing.clear()
        self._nothing.update([value for value in found if len(value) <= LONG])


def _least(glob: str) -> int:
    """Characters a text has at least in which this is found; NFC may make three of one."""
    return sum(len(text) for what, text in patterns.parts(glob) if what != "*") // 3


def _fits_number(glob: str) -> bool:
    """Could this be found in the text of an integer?"""
    return all(set(text) <= set("-0123456789") for what, text in patterns.parts(glob) if what == "=")
