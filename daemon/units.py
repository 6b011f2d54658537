"""Durations and sizes as people write them: ``45m``, ``1h``, ``32 MiB``. Pure."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from model.moment import DAY, HOUR, MINUTE, SECOND, Micros

_DURATION = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_SIZE = {"b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_QUANTITY = re.compile(r"(\d{1,12})\s?([A-Za-z]{1,3})")


def duration(value: Any) -> Any:
    """``45m`` → microseconds. ValueError with an example when it is none."""
    return _quantity(value, _DURATION, "a time like 500ms, 10s, 5m, 4h or 30d")


def size(value: Any) -> Any:
    """``32 MiB`` → bytes. ValueError with an example when it is none."""
    return _quantity(value, _SIZE, "a size like 64 KiB, 32 MiB or 1 GiB")


def _quantity(value: Any, units: dict[str, int], example: str) -> int:
    found = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    unit = units.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise ValueError(f"must be {example}, not {value!r}")
    return int(found[1]) * unit


Duration = Annotated[Micros, BeforeValidator(duration)]
Size = Annotated[int, BeforeValidator(size)]


def address(value: Any) -> Any:
    """``127.0.0.1:5514`` or ``[::1]:5514``; checked here so that the error names the line."""
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) < 65536:
        raise ValueError(f"must be an address and a port like 127.0.0.1:5514, not {value!r}")
    return value


Address = Annotated[str, BeforeValidator(address)]


def split_address(text: str) -> tuple[str, int]:
    """Host and port of a checked ``Address``."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
