"""Times as each log writes them, and the density of a day."""

from datetime import datetime
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from model.moment import DAY, HOUR, from_datetime
from province import rhythm

AT = from_datetime(datetime.fromisoformat("2026-11-01T09:05:07.123+07:00"))
MIDNIGHT = from_datetime(datetime.fromisoformat("2026-11-20T00:00:00+07:00"))


def test_every_log_has_its_way_of_writing_the_time() -> None:
    """One moment in each notation."""
    assert rhythm.bsd(AT) == "Nov  1 09:05:07"
    assert rhythm.clf(AT) == "01/Nov/2026:09:05:07 +0700"
    assert rhythm.iso(AT) == "2026-11-01T09:05:07.123+07:00"
    assert rhythm.utc(AT) == "2026-11-01T02:05:07.123Z"
    assert rhythm.plain(AT) == "2026-11-01 09:05:07"
    assert rhythm.ctime(AT) == "Sun Nov  1 09:05:07 2026"
    assert rhythm.syslog(22, AT, "mail01", "dovecot", "x") == "<22>Nov  1 09:05:07 mail01 dovecot: x"
    assert rhythm.syslog5424(86, AT, "srv-a", "sshd", 7, "x") == "<86>1 2026-11-01T09:05:07.123+07:00 srv-a sshd 7 - - x"


@given(st.integers(0, 2**32), st.floats(0, 500))
def test_moments_are_sorted_and_of_the_day(seed: int, count: float) -> None:
    """About ``count`` times, sorted, all within the day."""
    found = rhythm.moments(Random(seed), MIDNIGHT, count, rhythm.OFFICE)
    assert found == sorted(found)
    assert int(count) <= len(found) <= int(count) + 1
    assert all(MIDNIGHT <= at < MIDNIGHT + DAY for at in found)


def test_office_hours_are_dense() -> None:
    """Civil servants work by day: most of it between 8 and 17."""
    found = rhythm.moments(Random(1), MIDNIGHT, 10_000, rhythm.OFFICE)
    assert sum(8 * HOUR <= at - MIDNIGHT < 17 * HOUR for at in found) > 7_500
