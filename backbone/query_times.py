"""Times as people type them in a query → the span of time they name. Pure.

``2026-11-21`` is that day, ``2026-11-21T09:30`` that minute; ``21/11/2026`` and a space for ``T`` are read too. Without a zone it
is Vietnam time, as the console shows it; ``Z`` and ``+07:00`` are respected.
"""

import re
from datetime import datetime, timedelta
from typing import Final

from model import Micros
from model.moment import DAY, HOUR, MINUTE, SECOND, VIETNAM, from_datetime

FOREVER: Final[Micros] = 2**62

_DATE = re.compile(
    r"(?:(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})|(?P<d2>\d{1,2})/(?P<m2>\d{1,2})/(?P<y2>\d{4}))"
    r"(?:[T ](?P<h>\d{1,2})(?::(?P<min>\d{2})(?::(?P<s>\d{2})(?:\.(?P<f>\d{1,6}))?)?)?)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?"
)


def moments(text: str) -> tuple[Micros, Micros]:
    """[start, end) of the day, hour, minute, second or fraction that ``text`` names. ValueError when it names none."""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a date")
    at = found.groupdict()
    naive = datetime(
        int(at["y"] or at["y2"]),
        int(at["m"] or at["m2"]),
        int(at["d"] or at["d2"]),
        int(at["h"] or 0),
        int(at["min"] or 0),
        int(at["s"] or 0),
        int((at["f"] or "0").ljust(6, "0")),
    )
    start = from_datetime(naive.replace(tzinfo=VIETNAM))
    if zone := at["zone"]:
        start += (VIETNAM.utcoffset(None) - _offset(zone)) // timedelta(microseconds=1)
    return start, start + _width(at)


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timedelta(minutes=minutes if zone[0] == "+" else -minutes)


def _width(at: dict[str, str | None]) -> Micros:
    if at["f"]:
        return Micros(10 ** (6 - len(at["f"])))
    for part, width in (("s", SECOND), ("min", MINUTE), ("h", HOUR)):
        if at[part]:
            return width
    return DAY
