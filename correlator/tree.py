"""A rule's condition as a tree over predicates: plain values that can be kept on disk.

A leaf is the number of a predicate (its place in ``Compiled.predicates``). An empty ``All`` is true, an empty ``Some`` false.
"""

from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

import msgspec


class All(msgspec.Struct, frozen=True, array_like=True, tag="all"):
    """True when every part is."""

    of: tuple["Node", ...]


class Some(msgspec.Struct, frozen=True, array_like=True, tag="some"):
    """True when at least one part is."""

    of: tuple["Node", ...]


class Not(msgspec.Struct, frozen=True, array_like=True, tag="not"):
    """True when its part is not."""

    of: "Node"


Node: TypeAlias = All | Some | Not | int
Test: TypeAlias = Callable[[Collection[int]], bool]
"""Given the set of true predicates (a set or frozenset), does the condition hold?"""


def leaves(node: Node) -> Iterator[int]:
    """Every predicate of the tree, repeats included."""
    if isinstance(node, int):
        yield node
    elif isinstance(node, Not):
        yield from leaves(node.of)
    else:
        for part in node.of:
            yield from leaves(part)


def holds(node: Node, truth: Callable[[int], bool]) -> bool:
    """Walk the tree, plainly."""
    if isinstance(node, int):
        return truth(node)
    if isinstance(node, Not):
        return not holds(node.of, truth)
    if isinstance(node, All):
        return all(holds(part, truth) for part in node.of)
    return any(holds(part, truth) for part in node.of)


def shape(node: Node) -> Node:
    """The same condition with nested All in All and Some in Some joined, double negation and single parts unwrapped."""
    if isinstance(node, int):
        return node
    if isinstance(node, Not):
        inner = shape(node.of)
        return inner.of if isinstance(inner, Not) else Not(inner)
    kind = type(node)
    parts: dict[Node, None] = {}
    for part in map(shape, node.of):
        for one in part.of if isinstance(part, kind) else (part,):
            parts[one] = None
    return next(iter(parts)) if len(parts) == 1 else kind(tuple(parts))


def closure(node: Node) -> Test:
    """The tree as a function: whole groups of leaves become one set operation in C instead of a walk."""
    if isinstance(node, int):
        return frozenset((node,)).issubset
    if isinstance(node, Not):
        if not isinstance(node.of, (int, Some)) or (isinstance(node.of, Some) and not _flat(node.of)):
            inner = closure(node.of)
            return lambda true: not inner(true)
        return frozenset(leaves(node.of)).isdisjoint
    if isinstance(node, Some):
        return _some(node)
    return _all(node)


def _flat(node: All | Some) -> bool:
    return all(isinstance(part, int) for part in node.of)


def _some(node: Some) -> Test:
    apart = frozenset(p for p in node.of if isinstance(p, int)).isdisjoint
    others = tuple(closure(p) for p in node.of if not isinstance(p, int))
    if not others:
        return lambda true: not apart(true)

    def test(true: Collection[int]) -> bool:
        if not apart(true):
            return True
        for other in others:  # noqa: SIM110 - a generator costs three times the loop
            if other(true):
                return True
        return False

    return test


def _all(node: All) -> Test:
    need = frozenset(p for p in node.of if isinstance(p, int)).issubset
    rest = [p for p in node.of if not isinstance(p, int)]
    apart = tuple(frozenset(leaves(p)).isdisjoint for p in rest if isinstance(p, Some) and _flat(p))
    others = tuple(closure(p) for p in rest if not (isinstance(p, Some) and _flat(p)))

    def test(true: Collection[int]) -> bool:
        if not need(true):
            return False
        for none_of in apart:
            if none_of(true):
                return False
        for other in others:  # noqa: SIM110 - a generator costs three times the loop
            if not other(true):
                return False
        return True

    return test
