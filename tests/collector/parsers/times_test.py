"""Truths about times."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.parsers import times
from model import ConfigError, ParseError
from model.moment import DAY, VIETNAM, from_datetime, from_rfc3339

AT = from_rfc3339("2026-11-21T16:30:00+07:00")
VN = "Asia/Ho_Chi_Minh"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T16:30:00+07:00", AT),
        ("2026-11-21T09:30:00Z", AT),
        ("2026-11-21T09:30:00.1Z", AT + 100_000),
        ("2026-11-21T09:30:00.123456789Z", AT + 123_456),
        ("2026-11-21 16:30:00,250 +0700", AT + 250_000),
        ("2026-11-21 09:30:00 UTC", AT),
        ("2026-11-21 16:30:00", AT),
    ],
)
def test_rfc3339_and_its_relatives(text: str, expected: int) -> None:
    """Any precision, any way to write the zone; a bare time is in the zone given."""
    assert times.rfc3339(text, VN) == expected


def test_other_forms_name_the_same_moment() -> None:
    """Common log, nginx, Vietnamese, CEF, compact and epoch forms all lead to the same microsecond."""
    assert times.clf("21/Nov/2026:16:30:00 +0700") == AT
    assert times.clf("21/Nov/2026:04:30:00 -0500") == AT
    assert times.slashed("2026/11/21 16:30:00", VN) == AT
    for value in (
        *(
            "21/11/2026 16:30:00",
            "Nov 21 2026 16:30:00",
            "20261121T093000Z",
            "Nov 21 2026 09:30:00 UTC",
            "21/Nov/2026:16:30:00 +0700",
        ),
        *(AT // 1_000_000, AT // 1000, AT, AT * 1000, str(AT // 1000), AT / 1_000_000),
    ):
        assert times.moment(value, VN) == AT, value


@pytest.mark.parametrize(
    ("received", "text", "expected"),
    [
        ("2027-01-01T00:00:05+07:00", "Dec 31 23:59:58", "2026-12-31T23:59:58+07:00"),
        ("2026-12-31T23:59:50+07:00", "Jan  1 00:00:10", "2027-01-01T00:00:10+07:00"),
        ("2026-11-21T16:30:00+07:00", "Mar  3 08:00:00", "2026-03-03T08:00:00+07:00"),
        ("2026-03-01T08:00:00+07:00", "Nov 21 16:30:00", "2025-11-21T16:30:00+07:00"),
        ("2026-03-01T08:00:00+07:00", "Feb 29 12:00:00", "2024-02-29T12:00:00+07:00"),
        ("2026-11-21T16:30:00+07:00", "Nov 1 16:30:00", "2026-11-01T16:30:00+07:00"),
        ("2026-11-21T16:30:00+07:00", "Nov  1 16:30:00.250", "2026-11-01T16:30:00.250+07:00"),
    ],
)
def test_the_year_of_a_syslog_time(received: str, text: str, expected: str) -> None:
    """Over New Year in both directions, far back, and on 29 February, the year is the latest possible one."""
    month, day, clock = text.split()
    padded = f"{month} {day:>2} {clock}"
    assert times.bsd(padded, VN, from_rfc3339(received)) == from_rfc3339(expected)


@given(st.datetimes(datetime(1975, 7, 1), datetime(2100, 1, 1)), st.integers(0, 300 * DAY))
def test_a_syslog_time_is_found_again(written: datetime, late: int) -> None:
    """A time written in Vietnam and received up to 300 days later is read as the second it was."""
    at = from_datetime(written.replace(microsecond=0, tzinfo=VIETNAM))
    text = written.strftime("%b %d %H:%M:%S")
    assert times.bsd(text, VN, at + late) == at


@given(
    st.datetimes(datetime(1995, 1, 1), datetime(2080, 1, 1)),
    st.integers(0, 3599),
    st.integers(-3 * DAY, 300 * DAY),
    st.sampled_from((VN, "UTC", "+05:30", "-03:00", "Australia/Lord_Howe", "Europe/Paris")),
)
def test_an_hour_seen_before_changes_nothing(written: datetime, other: int, late: int, zone: str) -> None:
    """A time is the same whether its hour, or nothing at all, was read just before; over New Year and clock changes too."""
    received = from_datetime(written.replace(tzinfo=UTC)) + late
    text = written.strftime("%b %d %H:%M:%S")
    memos = (times._bsd_memo, times._hour_memo)
    for memo in memos:
        memo.clear()
    with suppress(ParseError):
        times.bsd(f"{text[:9]}:{other // 60:02}:{other % 60:02}", zone, received)
    warm = times.bsd(text, zone, received)
    for memo in memos:
        memo.clear()
    assert times.bsd(text, zone, received) == warm


@given(st.text(max_size=40) | st.text(alphabet="0123456789-:/ T+.ZNov", max_size=40))
def test_nonsense_is_a_parse_error(text: str) -> None:
    """No text breaks a time parser."""
    for parse in (
        lambda: times.rfc3339(text),
        lambda: times.clf(text),
        lambda: times.slashed(text, VN),
        lambda: times.bsd(text, VN, AT),
        lambda: times.moment(text, VN),
    ):
        with suppress(ParseError):
            assert isinstance(parse(), int)


@given(st.integers() | st.floats() | st.none() | st.booleans() | st.lists(st.integers()))
def test_any_value_is_a_time_or_a_parse_error(value: object) -> None:
    """Numbers of any size, NaN and other values never raise anything else."""
    with suppress(ParseError):
        assert isinstance(times.moment(value, VN), int)


def test_zones() -> None:
    """IANA names and offsets are zones; anything else is the configuration's mistake, also a path."""
    assert times.zone_of(VN) is VIETNAM
    assert times.zone_of("+07:00").utcoffset(datetime(2026, 1, 1, tzinfo=UTC)) == VIETNAM.utcoffset(None)
    for wrong in ("Asia/Hanoi2", "../../etc/passwd", "+99:99", "\0"):
        with pytest.raises(ConfigError, match="no time zone"):
            times.zone_of(wrong)


def test_first_takes_the_first_that_is_a_time() -> None:
    """Unreadable times are passed over."""
    assert times.first({"ts": "hôm qua", "time": AT // 1000}, ("ts", "time"), VN) == AT
    assert times.first({"ts": "hôm qua"}, ("ts", "time"), VN) is None
