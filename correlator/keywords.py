"""Keywords: tests of any value of an event, whatever its field.

Wildcard texts are looked for in all values at once, joined by SEPARATOR, which no pattern crosses. The rare other tests
(regular expressions, networks) are made value by value.
"""

from collections.abc import Sequence
from typing import Any

from correlator.memory import States
from correlator.patterns import Patterns
from correlator.predicates import FieldIndex, Predicate
from correlator.text import SEPARATOR, fold, texts


class Keywords:
    """All keyword predicates of all rules."""

    def __init__(
        self, predicates: Sequence[tuple[int, Predicate]], joined: Patterns | None, single: Patterns | None, states: States
    ) -> None:
        self._joined = joined
        self._single = FieldIndex(predicates, single) if any(p.kind != "glob" or single for _, p in predicates) else None
        self._memo = states.memo(self._single) if self._single is not None else None
        self._states = states

    def state(self, fields: dict[str, Any]) -> int:
        """State of all values of an event together."""
        found = [v if v.__class__ is str and v.isascii() else None for v in fields.values()]
        if None in found:
            found = [text for value in fields.values() for text in texts(value)]
        true: set[int] = set()
        if self._joined is not None:
            text = SEPARATOR.join(found)  # type: ignore[arg-type]
            true.update(self._joined.hits(text, fold(text)))
        if self._memo is not None:
            for one in found:
                true |= self._states.sets[self._memo[one]]
        return self._states.number(frozenset(true))
