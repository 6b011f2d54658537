"""Units people write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.units import address, duration, size, split_address
from model.moment import MINUTE, SECOND


def test_units() -> None:
    """Times become microseconds, sizes bytes, addresses a host and a port."""
    assert (duration("45m"), duration("500ms"), duration("10 s")) == (45 * MINUTE, SECOND // 2, 10 * SECOND)
    assert (size("64 KiB"), size("1 GiB"), size("10MB")) == (65536, 2**30, 10_000_000)
    assert split_address(address("[::1]:5514")) == ("::1", 5514)
    assert split_address(address("127.0.0.1:80")) == ("127.0.0.1", 80)


@pytest.mark.parametrize("wrong", ["", "5", 5, None, "5 weeks", "-1s", "1e9s", [], "٥s" * 100])
def test_what_is_no_unit_says_an_example(wrong: object) -> None:
    """Anything else is a ValueError that shows how to write it."""
    with pytest.raises(ValueError, match="500ms"):
        duration(wrong)
    with pytest.raises(ValueError, match="KiB"):
        size(wrong)


@given(st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text())))
def test_addresses_never_break(value: object) -> None:
    """Any value is an address or a ValueError."""
    try:
        assert split_address(address(value))[1] < 65536
    except ValueError as error:
        assert "127.0.0.1:5514" in str(error)
