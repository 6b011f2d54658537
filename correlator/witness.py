"""A rule's witness: predicates of which at least one is true whenever the rule holds.

A rule needs a closer look only when one of its witness's predicates is true. The best witness is the one that is true least
often, so its cost is the sum of how often its predicates are true: guessed at first, measured on events later.
"""

from collections.abc import Callable

from correlator.predicates import Predicate
from correlator.tree import All, Node, Not

Cost = Callable[[int], float]
"""How often a predicate is true, 0 … 1."""


def witness(node: Node, cost: Cost) -> frozenset[int] | None:
    """The cheapest witness of a tree; None when it has none (it may hold with nothing true)."""
    found = _cheapest(node, cost)
    return None if found is None else found[1]


def _cheapest(node: Node, cost: Cost) -> tuple[float, frozenset[int]] | None:
    if isinstance(node, int):
        return cost(node), frozenset((node,))
    if isinstance(node, Not):
        # not (not x) is unwrapped by ``shape``; what is left needs something to be false
        return None
    if isinstance(node, All):
        options = [found for part in node.of if (found := _cheapest(part, cost)) is not None]
        return min(options, key=lambda option: option[0], default=None)
    together: frozenset[int] = frozenset()
    total = 0.0
    for part in node.of:
        found = _cheapest(part, cost)
        if found is None:
            return None
        total += found[0]
        together |= found[1]
    return total, together


_COMMON = frozenset(
    ("EventID", "Channel", "Provider_Name", "EventType", "Level", "Status", "cs-method", "sc-status", "type", "action")
)


def guess(predicate: Predicate) -> float:
    """How often a predicate is true, before any event was seen."""
    kind, size = predicate.kind, len(predicate.value)
    if kind in ("null", "exists", "some"):
        return 0.9
    if kind in ("lt", "lte", "gt", "gte", "regex", "cidr", "fieldref"):
        return 0.1
    if kind == "equal":
        return 0.3 if predicate.field in _COMMON else 0.01
    return 0.5 / (1 + size * size) + 0.0005
