"""When things happen in a working day, and how each log writes the time. All local times are UTC+7."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from random import Random

from model import Micros
from model.moment import DAY, HOUR, SECOND, VIETNAM

SLOT: Micros = HOUR // 2
Curve = tuple[float, ...]
"""48 weights, one a half hour from midnight."""


def _curve(*points: tuple[float, float]) -> Curve:
    """Weights by straight lines through (hour, weight) ``points``, first at 0, last at 24."""
    weights = []
    for slot in range(48):
        hour = slot / 2
        (h0, w0), (h1, w1) = next((a, b) for a, b in pairwise(points) if a[0] <= hour < b[0])
        weights.append(w0 + (w1 - w0) * (hour - h0) / (h1 - h0))
    return tuple(weights)


OFFICE = _curve(
    (0, 1), (6, 2), (7, 12), (8, 90), (9.5, 100), (11, 80), (12, 15), (13, 20), (14, 90), (16, 95), (17, 40), (18, 6), (24, 1)
)
"""Civil servants: peaks 8–11 and 14–16:30, a dip at noon."""

MORNING = _curve((0, 0), (6.5, 0), (7, 30), (7.5, 100), (8, 60), (8.5, 15), (9, 3), (13, 1), (13.5, 8), (14, 2), (24, 0))
"""First log-ins of the working day."""

PUBLIC = _curve(
    (0, 6), (3, 2), (6, 10), (8, 80), (10, 100), (11.5, 60), (12.5, 40), (14, 85), (16, 80), (18, 40), (20, 55), (22, 30), (24, 6)
)
"""Citizens: office hours, and again in the evening."""

FLAT: Curve = (1.0,) * 48
"""The Internet's background noise and machines that never sleep."""

NIGHT = _curve((0, 40), (1, 100), (4, 60), (5, 5), (6, 0), (22, 0), (23, 30), (24, 40))
"""Batch jobs and backups."""


def moments(rng: Random, day: Micros, count: float, curve: Curve) -> list[Micros]:
    """About ``count`` sorted times of the day, as dense as ``curve``; the fraction of ``count`` is left to chance."""
    n = int(count) + (rng.random() < count % 1)
    draw = rng.random
    slots = rng.choices(range(48), weights=curve, k=n)
    return sorted(day + slot * SLOT + int(draw() * SLOT) for slot in slots)


def every(day: Micros, step: Micros, first: Micros = 0) -> range:
    """Times of the day at a fixed ``step``, beginning ``first`` after midnight."""
    return range(day + first, day + DAY, step)


@lru_cache(maxsize=1 << 15)
def _local(second: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC).astimezone(VIETNAM) + timedelta(seconds=second)


@lru_cache(maxsize=1 << 12)
def _bsd(second: int) -> str:
    moment = _local(second)
    return f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S}"


@lru_cache(maxsize=1 << 12)
def _clf(second: int) -> str:
    return _local(second).strftime("%d/%b/%Y:%H:%M:%S +0700")


@lru_cache(maxsize=1 << 12)
def _iso(second: int) -> str:
    return _local(second).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=1 << 12)
def _utc(second: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


def bsd(at: Micros) -> str:
    """RFC 3164 §4.1.2: ``Nov  1 09:30:00``."""
    return _bsd(at // SECOND)


def clf(at: Micros) -> str:
    """Common Log Format: ``21/Nov/2026:09:30:00 +0700``."""
    return _clf(at // SECOND)


def iso(at: Micros) -> str:
    """RFC 3339 in local time with milliseconds: ``2026-11-21T09:30:00.123+07:00``."""
    return f"{_iso(at // SECOND)}.{at % SECOND // 1000:03d}+07:00"


def utc(at: Micros) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-11-21T02:30:00.123Z``."""
    return f"{_utc(at // SECOND)}.{at % SECOND // 1000:03d}Z"


def ctime(at: Micros) -> str:
    """C's ``ctime``: ``Sat Nov 21 09:30:00 2026``."""
    return _local(at // SECOND).strftime("%a %b %e %H:%M:%S %Y")


def plain(at: Micros) -> str:
    """Local date and time without zone: ``2026-11-21 09:30:00``."""
    return _iso(at // SECOND).replace("T", " ")


def syslog(pri: int, at: Micros, host: str, tag: str, text: str) -> str:
    """An RFC 3164 line; ``tag`` is program with pid, without the colon."""
    return f"<{pri}>{_bsd(at // SECOND)} {host} {tag}: {text}"


def syslog5424(pri: int, at: Micros, host: str, app: str, pid: int | str, text: str) -> str:
    """An RFC 5424 line without structured data."""
    return f"<{pri}>1 {iso(at)} {host} {app} {pid} - - {text}"
