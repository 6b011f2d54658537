"""Clocks: the wall clock of a running system, and one that tests turn by hand."""

import time

from model import Micros


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> Micros:
        return time.time_ns() // 1000


class ManualClock:
    """Stands still until told otherwise. Starts at 2026-11-21T00:00:00Z."""

    def __init__(self, at: Micros = 1_795_219_200_000_000) -> None:
        self.at = at

    def now(self) -> Micros:
        return self.at

    def advance(self, by: Micros) -> Micros:
        """Go ``by`` microseconds on; return the new time."""
        self.at += by
        return self.at
