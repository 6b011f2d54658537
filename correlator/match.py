"""Rules against one event, at a cost that does not grow with the number of rules. Start reading here.

Theory
1. A rule is a tree over *predicates* (``predicates.py``), each a test of one field, shared by all rules that make it.
2. An event's log source decides which rules can hold; these rules are its *lane*.
3. Per field, what is true of a value is one look-up in a table of equalities and one scan for all patterns (``patterns.py``);
   the set of true predicates is the value's *state*, remembered by value (``memory.py``).
4. The states of an event's fields, those where nothing is true left out, are its *signature*. Equal signatures have equal
   verdicts, so a lane remembers them: most real events end here, after one dictionary look-up a field and one for the signature.
5. For a new signature only rules with a *witness* (``witness.py``) among the true predicates are evaluated.

Everything remembered is bounded; hostile input only brings the cost back to point 3.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from operator import getitem
from typing import Any, Final

from correlator import patterns
from correlator.keywords import Keywords
from correlator.logsource import fits
from correlator.memory import Memo, States, union
from correlator.predicates import ABSENT, KEYWORDS, FieldIndex, Predicate, pattern, refers
from correlator.rule import Compiled, Correlation, Refusal, Rule, RuleSource
from correlator.text import flat
from correlator.tree import Node, Test, closure, leaves
from correlator.witness import guess, witness
from model import Event, LogSource

__all__ = ["Compiled", "Correlation", "Matcher", "Refusal", "Rule", "RuleSource"]

OUTCOMES: Final = 60_000
"""Signatures remembered over all lanes together."""

LANES: Final = 2_048
"""Log sources remembered; an attacker may be able to invent them."""

WIDE: Final = 24
"""Fields of a lane beyond which it is cheaper to walk through the event's fields than to look up each of the lane's."""

_LEARN_AT: Final = frozenset((128, 2_048, 16_384))
"""New signatures after which a lane chooses its witnesses again, by what it has seen."""


class Lane:
    """The rules that can hold for one kind of log source, and what was decided before.

    ``names`` are the fields looked up in every event; in a lane of many fields (``wide``) these are only the ones of which
    something is true when they are missing, and the others are found by walking through the event's own fields.
    """

    def __init__(
        self, rules: Sequence[int], trees: Sequence[Node], predicates: Sequence[Predicate], memos: dict[str, Memo]
    ) -> None:
        self.rules = tuple(rules)
        self._trees = trees
        self._predicates = predicates
        self._used = used = {leaf for rule in rules for leaf in leaves(trees[rule])}
        names = sorted({predicates[leaf].field for leaf in used if predicates[leaf].kind != "fieldref"} - {KEYWORDS})
        self.wide = {name: memos[name] for name in names} if len(names) > WIDE else None
        self.names = tuple(names if self.wide is None else [name for name in names if memos[name][ABSENT]])
        for name in self.names if self.wide is not None else ():
            self.wide.pop(name)  # type: ignore[union-attr]
        self.memos = tuple(memos[name] for name in self.names)
        self.absent = (ABSENT,) * len(self.names)
        self.references = tuple(sorted(leaf for leaf in used if predicates[leaf].kind == "fieldref"))
        self.keywords: tuple[Keywords, ...] = ()
        fields = {*names, *(name for leaf in self.references for name in (predicates[leaf].field, predicates[leaf].value))}
        self.dotted = any("." in name for name in fields)
        self.outcomes: dict[tuple[int, ...], tuple[int, ...]] = {}
        self.wake: dict[int, frozenset[int]] = {}
        self._seen = 0
        self._counts: dict[int, int] = {}
        self._watch()

    def concerns(self, places: Collection[int]) -> bool:
        """Does a rule of this lane make one of these tests?"""
        return not self._used.isdisjoint(places)

    def states(self, fields: dict[str, Any]) -> list[int]:
        """States of an event's fields that may hold lists and mappings, which cannot be looked up as they are."""
        found = [memo.state(fields.get(name, ABSENT)) for memo, name in zip(self.memos, self.names, strict=True)]
        wide = self.wide or {}
        return found + [wide[name].state(value) for name, value in fields.items() if name in wide]

    def _watch(self) -> None:
        """Choose every rule's witness."""
        self.wake.clear()
        self.witnesses: dict[int, list[int]] = {}
        self.always: list[int] = []
        for rule in self.rules:
            chosen = witness(self._trees[rule], self._cost)
            if chosen is None:
                self.always.append(rule)
            for leaf in chosen or ():
                self.witnesses.setdefault(leaf, []).append(rule)

    def _cost(self, leaf: int) -> float:
        if self._seen == 0:
            return guess(self._predicates[leaf])
        return (self._counts.get(leaf, 0) + 0.1 * guess(self._predicates[leaf])) / self._seen

    def learn(self, true: Iterable[int]) -> None:
        """See what is true of one new signature."""
        counts = self._counts
        for leaf in true:
            counts[leaf] = counts.get(leaf, 0) + 1
        self._seen += 1
        if self._seen in _LEARN_AT:
            self._watch()

    @property
    def learning(self) -> bool:
        return self._seen < max(_LEARN_AT)

    def woken(self, state: int, truths: frozenset[int]) -> frozenset[int]:
        """Rules with a witness in a state."""
        witnesses = self.witnesses
        found = frozenset(rule for leaf in truths if leaf in witnesses for rule in witnesses[leaf])
        self.wake[state] = found
        return found


class Matcher:
    """``rules``, ``correlations``, ``refused`` and ``warnings`` as compiled; ``match`` is the hot path. Not thread-safe."""

    def __init__(self, compiled: Compiled) -> None:
        self.rules: Final = compiled.rules
        self.correlations: Final = compiled.correlations
        self.refused: Final = compiled.refused
        self.warnings: Final = compiled.warnings
        self._trees = compiled.trees
        self._predicates = compiled.predicates
        self._states = States()
        self._tests: dict[int, Test] = {}
        self._lanes: dict[LogSource, Lane] = {}
        self._by_rules: dict[tuple[int, ...], Lane] = {}
        self._outcomes = 0
        self._arrange(compiled)

    def _arrange(self, compiled: Compiled) -> None:
        by_field: dict[str, list[tuple[int, Predicate]]] = {}
        for place, predicate in enumerate(compiled.predicates):
            if predicate.kind != "fieldref" and predicate.field != KEYWORDS:
                by_field.setdefault(predicate.field, []).append((place, predicate))
        bases = {base.field: base for base in compiled.databases if base.field != KEYWORDS}
        self._keywords = [Keywords(b, self._predicates, self._states) for b in compiled.databases if b.field == KEYWORDS]
        self._memos: dict[str, Memo] = {}
        for field, found in by_field.items():
            base = bases.get(field)
            checked = frozenset(base.checked) if base is not None else frozenset()
            content = base.content if base is not None else b""
            listed = [pattern(place, predicate) for place, predicate in found if predicate.kind in patterns.KINDS]
            held = patterns.load(content, [p for p in listed if p[0] not in checked], [p for p in listed if p[0] in checked])
            self._memos[field] = self._states.memo(FieldIndex(found, held))

    def match(self, event: Event) -> tuple[int, ...]:
        """Indexes into ``rules`` of all detection rules that hold for this event, ascending."""
        lane = self._lanes.get(event.logsource) or self._lane(event.logsource)
        if not lane.rules:
            return ()
        fields = flat(event.fields) if lane.dotted else event.fields
        try:
            states = list(map(getitem, lane.memos, map(fields.get, lane.names, lane.absent)))
            if lane.wide is not None:
                known = lane.wide.get
                states += [memo[value] for name, value in fields.items() if (memo := known(name)) is not None]
        except TypeError:
            states = lane.states(fields)
        for keywords in lane.keywords:
            states.append(keywords.state(event.fields))
        if lane.references:
            states.append(self._referred(lane, fields))
        signature = tuple(filter(None, states))
        outcome = lane.outcomes.get(signature)
        return self._decide(lane, signature) if outcome is None else outcome

    def match_all(self, events: Iterable[Event]) -> list[tuple[int, ...]]:
        """``match`` for each event, in order."""
        match: Callable[[Event], tuple[int, ...]] = self.match
        return list(map(match, events))

    def _referred(self, lane: Lane, fields: dict[str, Any]) -> int:
        true = [
            leaf
            for leaf in lane.references
            if refers(
                self._predicates[leaf],
                fields.get(self._predicates[leaf].field, ABSENT),
                fields.get(self._predicates[leaf].value, ABSENT),
            )
        ]
        return self._states.number(frozenset(true))

    def _decide(self, lane: Lane, signature: tuple[int, ...]) -> tuple[int, ...]:
        sets, wake = self._states.sets, lane.wake
        true = union(map(sets.__getitem__, signature))
        if lane.learning:
            lane.learn(true)
        candidates = set(lane.always)
        for state in signature:
            woken = wake.get(state)
            candidates |= lane.woken(state, sets[state]) if woken is None else woken
        outcome = tuple(sorted(rule for rule in candidates if self._test(rule)(true)))
        if self._outcomes >= OUTCOMES or self._states.full():
            self._forget()
        else:
            lane.outcomes[signature] = outcome
            self._outcomes += 1
        return outcome

    def _test(self, rule: int) -> Test:
        test = self._tests.get(rule)
        if test is None:
            test = self._tests[rule] = closure(self._trees[rule])
        return test

    def _forget(self) -> None:
        self._outcomes = 0
        self._states.forget()
        for lane in self._by_rules.values():
            lane.outcomes.clear()
            lane.wake.clear()

    def _lane(self, source: LogSource) -> Lane:
        rules = tuple(place for place, rule in enumerate(self.rules) if fits(rule.logsource, source))
        lane = self._by_rules.get(rules)
        if lane is None:
            lane = self._by_rules[rules] = Lane(rules, self._trees, self._predicates, self._memos)
            lane.keywords = tuple(one for one in self._keywords if lane.concerns(one.places))
        if len(self._lanes) >= LANES:
            self._lanes.clear()
        self._lanes[source] = lane
        return lane
