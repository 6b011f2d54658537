"""When to try a delivery again: exponential backoff with full jitter. Pure.

Full jitter spreads the retries of many deliveries evenly over the interval, so that a recovering receiver is not met by all
of them at once.
"""

from model import Micros
from model.moment import HOUR, MINUTE, SECOND

BASE: Micros = SECOND
CAP: Micros = 5 * MINUTE
FLOOR: Micros = SECOND // 10
LONGEST_WISH: Micros = HOUR
"""A receiver that asks for more than this is asked again after it: nobody puts a report off for ever."""


def next_attempt(
    attempts: int, now: Micros, random: float, retry_after: float | None = None, *, base: Micros = BASE, cap: Micros = CAP
) -> Micros:
    """Time of the next attempt after ``attempts`` failed ones (0: new, at once).

    ``random`` is in [0, 1). ``retry_after`` is the receiver's wish in seconds; never earlier than that, up to an hour.
    """
    if attempts <= 0:
        return now
    ceiling = min(cap, base << min(attempts - 1, 40))
    delay = max(FLOOR, int(random * ceiling))
    if retry_after is not None and retry_after > 0:
        wish = int(min(retry_after, LONGEST_WISH / SECOND) * SECOND)
        delay = max(delay, wish + int(random * base))
    return now + delay
