"""What ties alerts together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import ConfigError, Entity
from notifier.linking import MOST, Unlinkable, link_keys, may_be_shared

NONE = Unlinkable()


def test_keys_are_folded_and_in_order_of_weight() -> None:
    """Case, a final dot and the kind of a host known by address make no difference; the most telling kind is first."""
    keys = link_keys([Entity("host", "WEB01.tinh.vn."), Entity("user", "Lan"), Entity("host", "203.0.113.5")], NONE)
    assert keys == ("ip:203.0.113.5", "user:lan", "host:web01.tinh.vn")


@pytest.mark.parametrize("pattern", ["user", "ip:nowhere", "planet:mars", "user:"])
def test_bad_patterns_are_said(pattern: str) -> None:
    """A pattern that could never match is a configuration error, not silence."""
    with pytest.raises(ConfigError, match="unlinkable"):
        Unlinkable([pattern])


@given(kind=st.sampled_from(("ip", "user", "host", "hash", "domain", "token", "source", "x")), value=st.text(max_size=600))
def test_any_entity_is_survived(kind: str, value: str) -> None:
    """Whatever a log names, linking gives at most one key and never raises."""
    keys = link_keys([Entity(kind, value)], NONE)
    assert len(keys) <= 1
    assert all(isinstance(may_be_shared(k), bool) for k in keys)


def test_a_list_is_no_link() -> None:
    """An alert with very many entities links by the most telling of them only."""
    assert len(link_keys([Entity("user", f"u{i}") for i in range(1_000)], NONE)) == MOST
