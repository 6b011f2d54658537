"""A witness is never silent when its rule holds."""

from hypothesis import given
from hypothesis import strategies as st

from correlator.predicates import Predicate
from correlator.tree import All, Node, Not, Some, closure, holds, leaves, shape
from correlator.witness import guess, witness

TREE: st.SearchStrategy[Node] = st.recursive(
    st.integers(0, 7),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: All(tuple(parts))),
        st.lists(inner, max_size=4).map(lambda parts: Some(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=12,
)


@given(TREE, st.sets(st.integers(0, 7)), st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_a_rule_that_holds_has_a_true_witness(tree: Node, true: set[int], costs: list[float]) -> None:
    """Whenever the tree holds, one of the witness's predicates is true, whatever the costs."""
    chosen = witness(shape(tree), costs.__getitem__)
    if chosen is not None and holds(tree, true.__contains__):
        assert chosen & true


@given(TREE, st.sets(st.integers(0, 7)))
def test_shape_and_closure_keep_the_meaning(tree: Node, true: set[int]) -> None:
    """Simplified and as a function, a condition says what it said as a tree."""
    wanted = holds(tree, true.__contains__)
    assert holds(shape(tree), true.__contains__) is wanted
    assert closure(tree)(true) is wanted
    assert closure(shape(tree))(frozenset(true)) is wanted
    assert set(leaves(shape(tree))) <= set(leaves(tree))


def test_the_rarest_is_chosen() -> None:
    """Under and the part that is true least often; under or all parts."""
    costs = [0.9, 0.1, 0.2, 0.05]
    assert witness(All((0, Some((1, 2)))), costs.__getitem__) == {1, 2}
    assert witness(All((0, Some((1, 2)), 3)), costs.__getitem__) == {3}
    assert witness(Some((0, Not(1))), costs.__getitem__) is None


def test_guess_before_any_event() -> None:
    """An event id is true more often than a path, a short text more often than a long one."""
    assert guess(Predicate("EventID", "equal", "1")) > guess(Predicate("Image", "equal", "c:\\x.exe"))
    assert guess(Predicate("a", "glob", "*x*")) > guess(Predicate("a", "glob", "*invoke-mimikatz*"))
