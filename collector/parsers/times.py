"""Times as logs write them → Micros. Pure; every function raises ParseError on text that is no such time, and nothing else.

Zones are IANA names or fixed offsets (``+07:00``); ``zone`` is only used when the text names none. Results are memoised by
text where lines of the same second repeat it; a memo is emptied when it holds MEMO entries.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from math import isfinite
from typing import Any, Final
from zoneinfo import ZoneInfo

from model import ConfigError, Micros, ParseError
from model.moment import DAY, SECOND, VIETNAM

MEMO: Final = 8192
MONTHS: Final = {
    name: number
    for number, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_clf_memo: dict[str, Micros] = {}
_bsd_memo: dict[tuple[str, str, int], Micros] = {}
_hour_memo: dict[tuple[str, str, int], Micros] = {}
_CLOCKS: Final = {f":{n // 60:02}:{n % 60:02}": n * SECOND for n in range(3600)}
"""Minutes and seconds as text → how far into the hour."""
_slashed_memo: dict[tuple[str, str], Micros] = {}


@lru_cache(maxsize=512)
def zone_of(name: str) -> tzinfo:
    """The zone called ``name``: IANA name, ``UTC``, ``Z`` or an offset like ``+07:00``. ConfigError when there is none."""
    if name in {"Asia/Ho_Chi_Minh", "Asia/Saigon"}:
        return VIETNAM  # +07 since 1975; right even on a machine without a zone database
    if name in {"", "UTC", "Z"}:
        return UTC
    if name[0] in "+-":
        try:
            offset = datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
        except ValueError:
            offset = None
        if offset is not None:
            return offset
    try:
        return ZoneInfo(name)
    except Exception as error:  # ValueError, KeyError, OSError: whatever the zone files bring
        raise ConfigError(f"no time zone is called {name!r}: use an IANA name such as Asia/Ho_Chi_Minh, or +07:00") from error


def local(moment: datetime, zone: str) -> Micros:
    """Micros of ``moment``; a naive one is read in ``zone``."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone_of(zone))
    try:
        return (aware - _EPOCH) // _MICROSECOND
    except OverflowError:
        raise ParseError("time out of range") from None


def rfc3339(text: str, zone: str = "UTC") -> Micros:
    """RFC 3339 and its relatives: ``T`` or space, ``.`` or ``,`` and any number of digits, ``Z``, ``+07:00``, ``+0700``, none."""
    try:
        return local(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        pass
    head, _, tail = text[:64].strip().rpartition(" ")
    if head and tail[:1] in {"+", "-", "Z", "U"}:  # "2026-11-21 16:30:00.123 +07:00", "… UTC"
        try:
            return local(datetime.fromisoformat(head + tail.replace("UTC", "Z")), zone)
        except (ValueError, OverflowError):
            pass
    raise ParseError(f"not an RFC 3339 time: {text[:40]!r}")


def clf(text: str) -> Micros:
    """Common log format, ``21/Nov/2026:16:30:00 +0700``."""
    at = _clf_memo.get(text)
    if at is None:
        try:
            day, month, year = int(text[:2]), MONTHS[text[3:6]], int(text[7:11])
            clock = int(text[12:14]), int(text[15:17]), int(text[18:20])
            sign, hours, minutes = text[21], int(text[22:24]), int(text[24:26])
            offset = timedelta(hours=hours, minutes=minutes)
            zone = timezone(-offset if sign == "-" else offset)
            at = local(datetime(year, month, day, *clock, tzinfo=zone), "UTC")
        except (ValueError, KeyError, IndexError, OverflowError):
            raise ParseError(f"not a common-log time: {text[:40]!r}") from None
        if len(text) != 26:
            raise ParseError(f"not a common-log time: {text[:40]!r}")
        _remember(_clf_memo, text, at)
    return at


def slashed(text: str, zone: str) -> Micros:
    """``2026/11/21 16:30:00`` (nginx error log) or the Vietnamese ``21/11/2026 16:30:00``, in ``zone``."""
    at = _slashed_memo.get((text, zone))
    if at is None:
        try:
            if text[4:5] == "/":
                moment = datetime.fromisoformat(f"{text[:4]}-{text[5:7]}-{text[8:10]}T{text[11:]}")
            else:
                moment = datetime.fromisoformat(f"{text[6:10]}-{text[3:5]}-{text[:2]}T{text[11:]}")
        except ValueError:
            raise ParseError(f"not a time with slashes: {text[:40]!r}") from None
        at = local(moment, zone)
        _remember(_slashed_memo, (text, zone), at)
    return at


def bsd(text: str, zone: str, received_at: Micros) -> Micros:
    """``Nov 21 16:30:00`` (RFC 3164 section 4.1.2), day with or without padding, in ``zone``.

    The year is the latest that puts it no later than a day after ``received_at`` (by whole UTC days, so that a replay
    decides the same): last year's December in January, next year's January in the last hours of December.
    """
    clock = _CLOCKS.get(text[9:])
    if clock is not None:
        hour = _hour_memo.get((text[:9], zone, received_at // DAY))
        if hour is not None:
            return hour + clock
    key = text, zone, received_at // DAY
    at = _bsd_memo.get(key)
    if at is None:
        latest = (received_at // DAY + 2) * DAY
        year = (_EPOCH + timedelta(days=max(-700_000, min(latest // DAY, 2_900_000)))).year
        for candidate in range(min(year + 1, 9999), max(year - 9, 1), -1):
            at = _in_year(text, candidate, zone)
            if at is not None and at < latest:
                break
        if at is None:
            raise ParseError(f"not a syslog time: {text[:40]!r}")
        if clock is not None and _has_whole_hours(zone):
            _remember(_hour_memo, (text[:9], zone, received_at // DAY), at - clock)
        else:
            _remember(_bsd_memo, key, at)
    return at


@lru_cache(maxsize=512)
def _has_whole_hours(zone: str) -> bool:
    """Whether an hour there is an hour of UTC on every day, so that what is true of its first second is true of all."""
    found = zone_of(zone)
    return isinstance(found, timezone) and found.utcoffset(None) % timedelta(hours=1) == timedelta(0)


def _in_year(text: str, year: int, zone: str) -> Micros | None:
    """``text`` in ``year``; None when the year has no such day (29 February). ParseError when it is no time."""
    try:
        month, day, clock = MONTHS[text[:3]], int(text[4:6]), text[6:].strip()
        hour, minute, second = int(clock[:2]), int(clock[3:5]), int(clock[6:8])
        fraction = int(clock[9:15].ljust(6, "0")) if len(clock) > 9 else 0
        if clock[2] != ":" or clock[5] != ":" or not 1 <= day <= 31:
            raise ValueError(clock)
        if (month, day) == (2, 29) and not (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)):
            return None
        return local(datetime(year, month, day, hour, minute, min(second, 59), fraction), zone)
    except (ValueError, KeyError, IndexError, OverflowError):
        raise ParseError(f"not a syslog time: {text[:40]!r}") from None


def epoch(number: float) -> Micros:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size (seconds reach to the year 5138)."""
    size = abs(number)
    if not (isinstance(number, int) or isfinite(number)):
        raise ParseError(f"not a time: {number}")
    if size < 100_000_000_000:
        return round(number * SECOND)
    if size < 100_000_000_000_000:
        return round(number * 1000)
    if size < 100_000_000_000_000_000:
        return round(number)
    if size < 100_000_000_000_000_000_000:
        return round(number // 1000)
    raise ParseError("not a time: number too large")


def moment(value: object, zone: str) -> Micros:
    """Any of the above: a number, or text in a form with year. ParseError when it is none."""
    if isinstance(value, str):
        text = value.strip()[:64]
        if text[4:5] == "-" or text[8:9] == "T":
            return rfc3339(text, zone)
        if text[4:5] == "/" or (text[2:3] == "/" and text[5:6] == "/"):
            return slashed(text, zone)
        if text[2:3] == "/":
            return clf(text)
        if text[:3] in MONTHS:
            return _named(text, zone)
        try:
            return epoch(int(text) if text.isdigit() else float(text))
        except (ValueError, OverflowError):
            raise ParseError(f"not a time: {text[:40]!r}") from None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return epoch(value)
    raise ParseError("not a time")


def _named(text: str, zone: str) -> Micros:
    """``Nov 21 2026 16:30:00[.123] [zone]`` as CEF and Cisco write it."""
    parts = text.replace(",", " ").split()
    if len(parts) < 4 or len(parts[2]) != 4 or not parts[2].isdecimal():
        raise ParseError(f"not a time: {text[:40]!r}")
    if len(parts) > 4:
        zone = {"UTC": "UTC", "GMT": "UTC", "ICT": "+07:00"}.get(parts[4], zone)
    at = _in_year(f"{parts[0]} {parts[1]:>2} {parts[3]}", int(parts[2]), zone)
    if at is None:
        raise ParseError(f"not a time: {text[:40]!r}")
    return at


def first(fields: Mapping[str, Any], names: tuple[str, ...], zone: str) -> Micros | None:
    """The time under the first of ``names`` that holds one; None when none does."""
    for name in names:
        value = fields.get(name)
        if value is not None:
            try:
                return moment(value, zone)
            except ParseError:
                continue
    return None


def _remember(memo: dict[Any, Micros], key: object, at: Micros) -> None:
    if len(memo) >= MEMO:
        memo.clear()
    memo[key] = at
