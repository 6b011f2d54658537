"""Time as one integer: microseconds since 1970-01-01T00:00:00Z. Pure functions; no clock here."""

from datetime import UTC, datetime, timedelta, timezone

Micros = int
"""Microseconds since the epoch, UTC. Every time in every value is one of these."""

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR

VIETNAM = timezone(timedelta(hours=7), "+07")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
LATEST: Micros = 253_402_300_799 * SECOND
"""9999-12-31T23:59:59Z: nothing later can be written as RFC 3339."""


def from_datetime(moment: datetime) -> Micros:
    """Microseconds of an aware ``moment``; a naive one is a programming error (ValueError)."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone has no place on the time line")
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(at: Micros) -> datetime:
    """The UTC datetime of ``at``, clamped to the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=max(-62_135_596_800 * SECOND, min(at, LATEST)))


def to_rfc3339(at: Micros) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-11-21T09:30:00.123Z``."""
    return to_datetime(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> Micros:
    """Parse RFC 3339 (``T`` or space, ``Z`` or offset; no offset means UTC). ValueError if it is none."""
    moment = datetime.fromisoformat(text)
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def to_local(at: Micros) -> str:
    """What people in Vietnam read: ``21/11/2026 16:30:00``."""
    return to_datetime(at).astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")
