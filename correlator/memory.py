"""What the matcher remembers of the values it has seen, within bounds.

Equal values have equal truths, and real logs repeat: paths, users, codes. A value's set of true predicates gets a number, its
*state*; events are then tuples of states. All of it is a cache: forgetting costs time, never a verdict.
"""

from collections.abc import Iterable
from typing import Any, Final

from correlator.predicates import FieldIndex

LONG: Final = 1024
"""Characters; a longer value is looked at each time."""

VALUE_BYTES: Final = 32 << 20
"""Room for values of all fields together (their characters and about 160 bytes each for the table)."""

STATES: Final = 100_000
STATE_TRUTHS: Final = 2_000_000
"""How many states, and predicates in them, before everything is forgotten and begun again."""

_ENTRY: Final = 160


class States:
    """Numbers sets of true predicates; number 0 is the empty set."""

    def __init__(self) -> None:
        self._numbers: dict[frozenset[int], int] = {}
        self.sets: list[frozenset[int]] = []
        self._memos: list[Memo] = []
        self._room = VALUE_BYTES
        self._truths = 0
        self.forget()

    def number(self, truths: frozenset[int]) -> int:
        """The state of a set, the same for equal sets until ``forget``."""
        found = self._numbers.get(truths)
        if found is None:
            found = self._numbers[truths] = len(self.sets)
            self.sets.append(truths)
            self._truths += len(truths)
        return found

    def full(self) -> bool:
        """Time to forget? Only the caller knows when no state is in use."""
        return len(self.sets) > STATES or self._truths > STATE_TRUTHS

    def forget(self) -> None:
        """Begin again: every state number given so far means nothing."""
        self._numbers.clear()
        self.sets.clear()
        self._truths = 0
        self._clear_values()
        self.number(frozenset())

    def memo(self, index: FieldIndex) -> "Memo":
        """A new memory of one field's values."""
        made = Memo(index, self)
        self._memos.append(made)
        return made

    def spend(self, size: int) -> None:
        """Take room for a value; when there is none, forget all values (states stay valid)."""
        self._room -= size + _ENTRY
        if self._room < 0:
            self._clear_values()

    def _clear_values(self) -> None:
        for memo in self._memos:
            memo.clear()
        self._room = VALUE_BYTES


class Memo(dict[Any, int]):
    """value → state of one field. A value it does not know is looked at, then remembered: see ``__missing__``.

    In Python 1, 1.0 and True are one key although Sigma tells 1 from true, so of those two numbers none is kept.
    """

    __slots__ = ("_index", "_states")

    def __init__(self, index: FieldIndex, states: States) -> None:
        self._index = index
        self._states = states

    def __missing__(self, value: Any) -> int:
        state = self._states.number(self._index.truths(value))
        if value.__class__ is str:
            if len(value) <= LONG:
                self._states.spend(len(value))
                self[value] = state
        elif value.__class__ is int:
            if value not in (0, 1) and value.bit_length() < 64:
                self._states.spend(0)
                self[value] = state
        elif value is None or value.__class__ is object:
            self[value] = state
        return state

    def state(self, value: Any) -> int:
        """State of any value, also of lists and mappings, which cannot be keys."""
        if value.__class__ in (list, dict, tuple) or isinstance(value, (list, dict)):
            return self._states.number(self._index.truths(value))
        return self[value]


def union(sets: Iterable[frozenset[int]]) -> set[int]:
    """All members of all sets."""
    return set().union(*sets)
