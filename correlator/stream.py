"""How far the stream of events is in event time: as far as the slowest source that still talks. Pure.

One source may be live while another is read from its beginning, a day behind: windows and silence go by the slower one,
until it has been quiet for ``IDLE`` (time of reception). A backlog is read without pauses that long; a
source that is live and slow would only say the time of now. Events without a time of their own, or in the future, say nothing.
"""

from typing import Final

from model import Event, Micros
from model.moment import DAY, SECOND

IDLE: Final[Micros] = 2 * SECOND
_SOURCES: Final = 1_000
_NO_TIME: Final = frozenset(("time:received", "time:future"))


class Stream:
    """``newest`` is the newest event time of all sources."""

    def __init__(self) -> None:
        self.newest: Micros = 0
        self._received: Micros = 0
        self._sources: dict[str, list[Micros]] = {}

    def observe(self, event: Event) -> Micros:
        """Take an event; return its time as far as it can be believed, at most ``newest``."""
        at = event.happened_at
        if event.received_at > self._received:
            self._received = event.received_at
        if (event.tags and not _NO_TIME.isdisjoint(event.tags)) or at > event.received_at + DAY:
            return min(at, self.newest)
        if at > self.newest:
            self.newest = at
        place = self._sources.get(event.source)
        if place is None:
            self._enter(event.source, at, event.received_at)
        else:
            if at > place[0]:
                place[0] = at
            place[1] = event.received_at
        return at

    def now(self, wall: Micros = 0) -> Micros:
        """Where the slowest active source is; 0 before the first event that names its time.

        ``wall``: the time of reception when nothing is waiting to be observed; without it that of the newest event.
        """
        since = max(self._received, wall) - IDLE
        return min((at for at, received in self._sources.values() if received >= since), default=self.newest)

    def _enter(self, source: str, at: Micros, received: Micros) -> None:
        if len(self._sources) >= _SOURCES:
            del self._sources[min(self._sources, key=lambda name: self._sources[name][1])]
        self._sources[source] = [at, received]

    def saved(self) -> tuple[Micros, Micros, dict[str, list[Micros]]]:
        """For ``restore``."""
        return self.newest, self._received, self._sources

    def restore(self, saved: tuple[Micros, Micros, dict[str, list[Micros]]]) -> None:
        self.newest, self._received, self._sources = saved[0], saved[1], {name: list(at) for name, at in saved[2].items()}
