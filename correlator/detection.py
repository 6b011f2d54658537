"""One event after another: match, windows, suppression, silence → alerts. All the correlator decides, without its loop. Pure.

``now`` is wall time and only stamps alerts; what fires depends on the events and their order alone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from correlator import snapshot
from correlator.alerts import Trace, level_of, trace_of
from correlator.entities import entities_of
from correlator.rule import Correlation, Rule
from correlator.silence import Silence
from correlator.suppression import Suppression
from correlator.windows import Limits, Windows
from correlator.windows_route import Route, getter
from model import Alert, Event, Micros, System
from model.moment import HOUR, MINUTE, SECOND


class Matching(Protocol):
    """What is needed of a matcher; ``correlator/match.py`` has it."""

    @property
    def rules(self) -> tuple[Rule, ...]: ...
    @property
    def correlations(self) -> tuple[Correlation, ...]: ...
    def match(self, event: Event) -> Sequence[int]: ...


class Detection:
    """State between events. ``alerts`` collects what is to be told until ``drain``; ``matched`` counts by level.

    µs: ``lateness`` of event time that changes nothing; ``window`` in which repeats count into one alert; ``pause`` between
    revisions (wall time). ``wall`` False for replays: the time of reception then says nothing about silence.
    """

    def __init__(
        self,
        matcher: Matching,
        systems: Sequence[System] = (),
        *,
        lateness: Micros = 5 * MINUTE,
        window: Micros = HOUR,
        pause: Micros = 10 * SECOND,
        limits: Limits | None = None,
        wall: bool = True,
    ) -> None:
        self.lateness: Final = lateness
        self.windows = Windows(matcher.correlations, lateness, limits)
        self.suppression: Final = Suppression(window, pause, lateness)
        self.silence: Final = Silence(systems, wall)
        self.alerts: list[Alert] = []
        self.matched: Final[Counter[str]] = Counter()
        self._useless: list[str] = []
        self._plan(matcher)

    @property
    def watermark(self) -> Micros:
        """Event time that nothing on time is older than."""
        return self.silence.stream.now() - self.lateness

    @property
    def changed(self) -> bool:
        """Whether anything must be saved besides the cursor."""
        return self.windows.changed or self.suppression.changed or bool(self._useless) or bool(self.alerts)

    def observe(self, event: Event, stored_at: Micros, now: Micros) -> None:
        """Take the next event of the log, durable since ``stored_at``."""
        self.silence.observe(event)
        hits = self._match(event)
        if hits:
            self._take(event, hits, stored_at, now)

    def tick(self, now: Micros, caught_up: bool = True) -> None:
        """Expire, revise, and say who is silent. ``caught_up``: every event received has been observed."""
        for own in self.silence.tick(self.silence.stream.now(now if caught_up else 0), now, caught_up):
            hits = self._match(own)
            if hits:
                self._take(own, hits, now, now)
        self.windows.tick(self.watermark)
        self.alerts += self.suppression.tick(self.watermark, now)

    def flush(self, now: Micros) -> None:
        """Tell every revision still owed."""
        self.alerts += self.suppression.flush(now)

    def drain(self) -> list[Alert]:
        """The alerts to tell; forgets them."""
        alerts, self.alerts = self.alerts, []
        return alerts

    def changes(self, at: Micros) -> snapshot.Changes:
        """What has to be written for ``restore`` to go on from here."""
        useless, self._useless = self._useless, []
        return snapshot.changes(self.windows, self.suppression, self.silence, useless, at)

    def restore(
        self, saved_windows: Iterable[tuple[str, bytes]], saved_alerts: Iterable[tuple[str, bytes]], stream: bytes | None
    ) -> int:
        """Put saved state back; return how many window entries no rule can use any more."""
        self._useless = snapshot.restore(self.windows, self.suppression, self.silence, saved_windows, saved_alerts, stream)
        return len(self._useless)

    def replace(self, matcher: Matching) -> int:
        """Go on with other rules; windows of correlations that did not change go on. Return how many groups were dropped."""
        windows = Windows(matcher.correlations, self.lateness, self.windows.limits)
        useless = windows.restore(self.windows.everything())
        windows.late, windows.evicted, windows.room.dropped = self.windows.late, self.windows.evicted, self.windows.room.dropped
        self.windows = windows
        self._useless += useless
        self._plan(matcher)
        return len(useless)

    def _plan(self, matcher: Matching) -> None:
        routes = self.windows.routes
        self._match = matcher.match
        self._plans: list[tuple[Rule, str, tuple[Route, ...]]] = [(r, level_of(r), routes.get(r.id, ())) for r in matcher.rules]

    def _take(self, event: Event, hits: Sequence[int], stored_at: Micros, now: Micros) -> None:
        watermark = self.watermark
        entities = entities_of(event)
        trace: Trace | None = None
        for hit in hits:
            rule, level, routes = self._plans[hit]
            self.matched[level] += 1
            if rule.alerts:
                self.alerts += self.suppression.take(rule, event, stored_at, watermark, now, entities)
            if routes:
                trace = trace or trace_of(event, stored_at, entities)
                self._correlate(event, trace, routes, watermark, now)

    def _correlate(self, event: Event, trace: Trace, routes: tuple[Route, ...], watermark: Micros, now: Micros) -> None:
        get = getter(event)
        for route in routes:
            match = route.match(get, event.id, event.happened_at, trace)
            if match is None:
                continue
            for firing in self.windows.observe(match, watermark):
                correlation = self.windows.correlations[firing.correlation]
                if firing.change == "opened":
                    self.matched[level_of(correlation)] += 1
                if correlation.alerts:
                    self.alerts += self.suppression.fire(correlation, firing, watermark, now)
