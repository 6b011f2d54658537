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

from operator import getitem
from typing import Any, Final

from correlator import patterns
from correlator.keywords import Keywords
from correlator.lane import Book, Lane
from correlator.memory import Memo, States, union
from correlator.predicates import ABSENT, KEYWORDS, FieldIndex, Predicate, pattern, refers
from correlator.rule import Compiled, Correlation, Refusal, Rule, RuleSource
from correlator.text import flat, parents
from model import Event, LogSource

__all__ = ["Compiled", "Correlation", "Matcher", "Refusal", "Rule", "RuleSource"]

OUTCOMES: Final = 60_000
"""Signatures remembered over all lanes together."""

_FLATTENED: Final = "json"
"""The format whose objects the collector flattens into dotted names."""

LANES: Final = 2_048
"""Log sources remembered; an attacker may be able to invent them."""


_UNTOLD: Final = LogSource()


class Matcher:
    """``rules``, ``correlations``, ``refused`` and ``warnings`` as compiled; ``match`` is the hot path. Not thread-safe.

    ``lenient``: what an event's log source does not tell excludes no rule, nor does what plain JSON says of itself (to try rules
    out on events that are of no source).
    """

    def __init__(self, compiled: Compiled, *, lenient: bool = False) -> None:
        self.rules: Final = compiled.rules
        self.correlations: Final = compiled.correlations
        self.refused: Final = compiled.refused
        self.warnings: Final = compiled.warnings
        self._book = Book(compiled, lenient)
        self._lenient = lenient
        self._predicates = compiled.predicates
        self._states = States()
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
        source = _UNTOLD if self._lenient and event.format == _FLATTENED else event.logsource
        lane = self._lanes.get(source) or self._lane(source)
        if not lane.rules:
            return ()
        fields = flat(event.fields) if lane.dotted else event.fields
        if lane.parents and event.format == _FLATTENED:
            fields = parents(fields, lane.parents)
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
        sets, wake, test = self._states.sets, lane.wake, self._book.test
        true = union(map(sets.__getitem__, signature))
        lane.learn(true)
        candidates = set(lane.always)
        for state in signature:
            woken = wake.get(state)
            candidates |= lane.woken(state, sets[state]) if woken is None else woken
        outcome = tuple(sorted([rule for rule in candidates if test(rule)(true)]))
        if self._outcomes >= OUTCOMES or self._states.full():
            self._forget()
        else:
            lane.outcomes[signature] = outcome
            self._outcomes += 1
        return outcome

    def _forget(self) -> None:
        self._outcomes = 0
        self._states.forget()
        for lane in self._by_rules.values():
            lane.forget()

    def _lane(self, source: LogSource) -> Lane:
        rules = self._book.rules_for(source)
        lane = self._by_rules.get(rules)
        if lane is None:
            lane = self._by_rules[rules] = Lane(rules, self._book, self._memos, self._keywords)
        if len(self._lanes) >= LANES:
            self._lanes.clear()
        self._lanes[source] = lane
        return lane
