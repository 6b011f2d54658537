"""Lanes: the rules that can hold for one kind of log source, with their witnesses and what was decided before."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from correlator.keywords import Keywords
from correlator.logsource import fits, may_fit
from correlator.memory import Memo
from correlator.predicates import ABSENT, KEYWORDS
from correlator.rule import Compiled, RuleSource
from correlator.tree import Test, closure, leaves
from correlator.witness import guess, witness
from model import LogSource

WIDE: Final = 24
"""Fields of a lane beyond which it is cheaper to walk through the event's fields than to look up each of the lane's."""

OFTEN: Final = 0.01
"""Share of new signatures in which a predicate may be true before rules look for another witness."""

LEARN_AT: Final = frozenset((256, 2_048, 16_384))
"""New signatures after which a lane looks again at its witnesses."""


class Book:
    """The compiled rules, and what can be worked out of each once for all lanes. ``lenient``: see ``Matcher``."""

    def __init__(self, compiled: Compiled, lenient: bool = False) -> None:
        self._fits = may_fit if lenient else fits
        self.trees = compiled.trees
        self.predicates = compiled.predicates
        self._sources: dict[RuleSource, list[int]] = {}
        for place, rule in enumerate(compiled.rules):
            self._sources.setdefault(rule.logsource, []).append(place)
        self._leaves: dict[int, frozenset[int]] = {}
        self._witness: dict[int, frozenset[int] | None] = {}
        self._tests: dict[int, Test] = {}

    def rules_for(self, source: LogSource) -> tuple[int, ...]:
        """Rules that can hold for events of a log source, ascending."""
        return tuple(sorted(rule for asked, rules in self._sources.items() if self._fits(asked, source) for rule in rules))

    def leaves(self, rule: int) -> frozenset[int]:
        """Predicates of a rule."""
        found = self._leaves.get(rule)
        if found is None:
            found = self._leaves[rule] = frozenset(leaves(self.trees[rule]))
        return found

    def witness(self, rule: int) -> frozenset[int] | None:
        """The witness of a rule before any event was seen."""
        if rule not in self._witness:
            self._witness[rule] = witness(self.trees[rule], lambda leaf: guess(self.predicates[leaf]))
        return self._witness[rule]

    def test(self, rule: int) -> Test:
        """The condition of a rule as a function."""
        found = self._tests.get(rule)
        if found is None:
            found = self._tests[rule] = closure(self.trees[rule])
        return found


class Lane:
    """The rules for one kind of log source.

    ``names`` are the fields looked up in every event; in a lane of many fields (``wide``) these are only the ones of which
    something is true when they are missing, and the others are found by walking through the event's own fields.
    ``parents`` are the fields that are asked whether they are there.
    """

    def __init__(self, rules: Sequence[int], book: Book, memos: dict[str, Memo], keywords: Iterable[Keywords]) -> None:
        self.rules = tuple(rules)
        self._book = book
        predicates = book.predicates
        used: frozenset[int] = frozenset().union(*(book.leaves(rule) for rule in rules))
        self.references = tuple(sorted(leaf for leaf in used if predicates[leaf].kind == "fieldref"))
        names = sorted({predicates[leaf].field for leaf in used.difference(self.references)} - {KEYWORDS})
        referred = {name for leaf in self.references for name in (predicates[leaf].field, predicates[leaf].value)}
        self.dotted = any("." in name for name in (*names, *referred))
        self.parents = frozenset(predicates[leaf].field for leaf in used if predicates[leaf].kind in ("null", "exists"))
        self.wide: dict[str, Memo] | None = None
        if len(names) > WIDE:
            always = [name for name in names if memos[name][ABSENT]]
            self.wide = {name: memos[name] for name in names if name not in always}
            names = always
        self.names = tuple(names)
        self.memos = tuple(memos[name] for name in names)
        self.absent = (ABSENT,) * len(names)
        self.keywords = tuple(one for one in keywords if not used.isdisjoint(one.places))
        self.outcomes: dict[tuple[int, ...], tuple[int, ...]] = {}
        self.wake: dict[int, frozenset[int]] = {}
        self._seen = 0
        self._counts: dict[int, int] = {}
        self._chosen = {rule: book.witness(rule) for rule in rules}
        self._watch()

    def states(self, fields: dict[str, Any]) -> list[int]:
        """States of an event's fields that may hold lists and mappings, which cannot be looked up as they are."""
        found = [memo.state(fields.get(name, ABSENT)) for memo, name in zip(self.memos, self.names, strict=True)]
        wide = self.wide or {}
        return found + [wide[name].state(value) for name, value in fields.items() if name in wide]

    def woken(self, state: int, truths: Collection[int]) -> frozenset[int]:
        """Rules with a witness in a state; remembered in ``wake``."""
        witnesses = self._witnesses
        found = frozenset(rule for leaf in truths if leaf in witnesses for rule in witnesses[leaf])
        self.wake[state] = found
        return found

    def learn(self, true: Iterable[int]) -> None:
        """See what is true of one new signature; now and then choose again where a witness is true too often."""
        if self._seen >= max(LEARN_AT, default=0):
            return
        counts = self._counts
        for leaf in true:
            counts[leaf] = counts.get(leaf, 0) + 1
        self._seen += 1
        if self._seen in LEARN_AT:
            often = [leaf for leaf, count in counts.items() if count > self._seen * OFTEN]
            for rule in {rule for leaf in often for rule in self._witnesses.get(leaf, ())}:
                self._chosen[rule] = witness(self._book.trees[rule], self._cost)
            self._watch()

    def forget(self) -> None:
        """Drop what depends on the numbers of states."""
        self.outcomes.clear()
        self.wake.clear()

    def _watch(self) -> None:
        """Arrange rules by their witnesses."""
        self.wake.clear()
        self._witnesses: dict[int, list[int]] = {}
        self.always = tuple(rule for rule, chosen in self._chosen.items() if chosen is None)
        for rule, chosen in self._chosen.items():
            for leaf in chosen or ():
                self._witnesses.setdefault(leaf, []).append(rule)

    def _cost(self, leaf: int) -> float:
        return (self._counts.get(leaf, 0) + 0.1 * guess(self._book.predicates[leaf])) / self._seen
