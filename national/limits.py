"""How many requests an organisation may make. Pure: time is an argument."""

from model import Micros
from model.moment import SECOND


class Bucket:
    """Token bucket: ``rate`` requests/s on average, ``burst`` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst, self._left, self._at = rate, burst, burst, 0

    def take(self, now: Micros) -> float:
        """0 when one more may pass, else seconds to wait."""
        passed = max(0, now - self._at) / SECOND
        self._left, self._at = min(self._burst, self._left + passed * self._rate), now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._rate
