"""When a delivery is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from model.moment import HOUR, SECOND
from notifier.schedule import BASE, CAP, FLOOR, next_attempt

DICE = st.floats(0, 1, exclude_max=True)


@given(attempts=st.integers(1, 10**6), now=st.integers(0, 2**60), dice=DICE)
def test_backoff_is_bounded(attempts: int, now: int, dice: float) -> None:
    """A retry comes neither at once nor later than five minutes, and no later than doubling allows."""
    delay = next_attempt(attempts, now, dice) - now
    assert FLOOR <= delay <= CAP
    assert delay <= max(FLOOR, BASE * 2 ** min(attempts - 1, 40))


@given(attempts=st.integers(1, 50), dice=DICE, wish=st.floats(0.001, 1e12))
def test_wish_of_the_receiver_is_kept(attempts: int, dice: float, wish: float) -> None:
    """Never earlier than Retry-After says, up to an hour; never much later than an hour."""
    delay = next_attempt(attempts, 0, dice, wish)
    assert delay >= min(int(wish * SECOND), HOUR)
    assert delay <= max(CAP, HOUR) + BASE


def test_jitter_is_full_and_new_is_at_once() -> None:
    """The delay spreads over the whole interval; a new delivery does not wait."""
    assert next_attempt(0, 5, 0.9) == 5
    assert [next_attempt(4, 0, d / 4) for d in range(4)] == [FLOOR, 2 * SECOND, 4 * SECOND, 6 * SECOND]
