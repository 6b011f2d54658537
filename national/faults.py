"""Faults on purpose, so that a client can prove it survives them. Pure: random numbers come from outside.

Each request to /api/v1/incidents draws once: ``storm`` answers 429, ``error`` 503 before anything is stored, ``timeout`` stores
and then never answers; ``slow`` (drawn on its own) waits first.
"""

from collections import Counter
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=60)]


class Faults(BaseModel):
    """Rates from 0 to 1, times in seconds. ``error`` + ``timeout`` + ``storm`` above 1 cut each other off in that order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error: Rate = 0.0
    timeout: Rate = 0.0
    storm: Rate = 0.0
    slow: Rate = 0.0
    slow_seconds: Seconds = 1.0
    hang_seconds: Seconds = 30.0
    retry_after: Annotated[int, Field(ge=0, le=3600)] = 1


class FaultMaker:
    """Draws faults and counts them. ``dice`` gives numbers in [0, 1)."""

    def __init__(self, faults: Faults, dice: Callable[[], float]) -> None:
        self.faults, self._dice = faults, dice
        self.counts: Counter[str] = Counter(error=0, timeout=0, storm=0, slow=0)

    def delay(self) -> float:
        """Seconds to wait before anything else."""
        if self.faults.slow and self._dice() < self.faults.slow:
            self.counts["slow"] += 1
            return self.faults.slow_seconds
        return 0.0

    def draw(self) -> str:
        """``error``, ``timeout``, ``storm`` or nothing."""
        place = self._dice()
        for name, rate in (("error", self.faults.error), ("timeout", self.faults.timeout), ("storm", self.faults.storm)):
            if place < rate:
                self.counts[name] += 1
                return name
            place -= rate
        return ""
