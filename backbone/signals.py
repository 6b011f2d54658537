"""Our own telemetry, as loops see it. The daemon gives the real one; tests use ``MemorySignals``.

A signal's name is ``<room>_<what>`` (``collector_records``, ``collector_parse_errors``); labels are few and bounded, never
values an attacker chooses.
"""

from collections import Counter
from typing import Protocol


class Signals(Protocol):
    """Counts, levels and durations. Cheap enough to call once a batch, not once an event."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter that only grows."""
        ...

    def level(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...

    def took(self, name: str, seconds: float, **labels: str) -> None:
        """Observe a duration."""
        ...


class MemorySignals:
    """Signals in dictionaries. Keys are ``name`` or ``name{label=value,…}``, labels sorted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.levels: dict[str, float] = {}
        self.times: dict[str, list[float]] = {}

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[_key(name, labels)] += amount

    def level(self, name: str, value: float, **labels: str) -> None:
        self.levels[_key(name, labels)] = value

    def took(self, name: str, seconds: float, **labels: str) -> None:
        self.times.setdefault(_key(name, labels), []).append(seconds)


def _key(name: str, labels: dict[str, str]) -> str:
    if not labels:
        return name
    return f"{name}{{{','.join(f'{k}={v}' for k, v in sorted(labels.items()))}}}"
