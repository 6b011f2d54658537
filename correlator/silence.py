"""Log sources that must keep talking, and what is said when one stops or comes back. Pure.

A source is silent when the others go on for ``silent_after`` (event time) without a word from it, or, with ``wall``, when
nothing of it was received for that long. A source that lags behind the others but still talks is not silent: what counts is
how far the stream went on since it was last heard. Only sources heard at least once are watched.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from correlator.stream import Stream
from model import Event, Expected, LogSource, Micros, System, event_id
from model.moment import SECOND, to_local, to_rfc3339

SOURCE: Final = "vonggac"
FORMAT: Final = "soc"
_MEMO: Final = 10_000
_pack: Final = msgspec.msgpack.Encoder().encode


class Heard(msgspec.Struct, array_like=True):
    """One expected source: newest event time, where the stream was then, when it was received; ``silent_at`` 0 while it talks."""

    last_at: Micros = 0
    stream_at: Micros = 0
    received_at: Micros = 0
    silent_at: Micros = 0


class SavedSilence(msgspec.Struct, array_like=True):
    """State at rest: where the stream is, and (host, format) → Heard."""

    stream: tuple[Micros, Micros, dict[str, list[Micros]]]
    heard: dict[str, Heard]


class Silence:
    """Watches the ``expected`` sources of ``systems``. ``stream`` is where the events are in event time.

    ``wall``: also watch the time of reception; off during replays of old logs.
    """

    def __init__(self, systems: Sequence[System], wall: bool = True) -> None:
        self.stream: Final = Stream()
        self.wall: Final = wall
        self._expected: Final = [(system, expected) for system in systems for expected in system.expected]
        self._heard: list[Heard] = [Heard() for _ in self._expected]
        self._memo: dict[tuple[str, str], tuple[Heard, ...]] = {}
        self._back: list[tuple[int, Micros, Micros, Micros]] = []
        self._since: Micros = 0

    def observe(self, event: Event) -> Micros:
        """Hear ``event``; return the newest event time of the stream. Costs less than a microsecond."""
        at = self.stream.observe(event)
        if self._expected:
            found = self._memo.get((event.host, event.format))
            for heard in self._find(event) if found is None else found:
                if heard.silent_at:
                    self._came_back(heard, at, event.received_at)
                if at > heard.last_at:
                    heard.last_at = at
                heard.stream_at = self.stream.newest
                heard.received_at = event.received_at
        return self.stream.newest

    def observe_batch(self, events: Sequence[Event]) -> Micros:
        """``observe`` for each of ``events``."""
        for event in events:
            self.observe(event)
        return self.stream.newest

    def tick(self, stream_now: Micros, wall_now: Micros, caught_up: bool = True) -> list[Event]:
        """What is to be said now: ``source_back`` and ``source_silent`` events.

        ``caught_up`` False: events are received but not seen yet, so reception says nothing.
        """
        said = [self._say(i, "source_back", silent, at, wall_now, last) for i, silent, at, last in self._back]
        self._back.clear()
        self._since = self._since or wall_now
        for index, (_, expected) in enumerate(self._expected):
            heard = self._heard[index]
            if not heard.last_at or heard.silent_at:
                continue
            quiet = stream_now - max(heard.last_at, heard.stream_at)
            at = stream_now
            if quiet <= expected.silent_after and self.wall and caught_up:
                # Since the start at the latest: what came while we were down has not been looked at.
                quiet, at = wall_now - max(heard.received_at, self._since), wall_now
            if quiet > expected.silent_after:
                heard.silent_at = at
                said.append(self._say(index, "source_silent", at - heard.last_at, at, wall_now, heard.last_at))
        return said

    def state(self) -> bytes:
        """For ``restore``."""
        heard = {_name(expected): self._heard[i] for i, (_, expected) in enumerate(self._expected) if self._heard[i].last_at}
        return _pack(SavedSilence(self.stream.saved(), heard))

    def restore(self, state: bytes) -> None:
        """Take back what ``state`` gave; sources no longer expected are forgotten."""
        saved = msgspec.msgpack.decode(state, type=SavedSilence)
        self.stream.restore(saved.stream)
        self._heard = [saved.heard.get(_name(expected), Heard()) for _, expected in self._expected]
        self._memo.clear()

    def _find(self, event: Event) -> tuple[Heard, ...]:
        """The expected sources this (host, format) is; remembered, because real streams repeat."""
        key = (event.host, event.format)
        if key not in self._memo:
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            self._memo[key] = tuple(
                self._heard[i]
                for i, (_, e) in enumerate(self._expected)
                if e.host.lower() == event.host.lower() and e.format in (event.format, "", "*")
            )
        return self._memo[key]

    def _came_back(self, heard: Heard, at: Micros, received_at: Micros) -> None:
        index = next(i for i, other in enumerate(self._heard) if other is heard)
        self._back.append((index, max(0, at - heard.last_at), at, heard.last_at))
        heard.silent_at = 0

    def _say(self, index: int, what: str, quiet: Micros, at: Micros, wall_now: Micros, last_at: Micros) -> Event:
        system, expected = self._expected[index]
        seconds = max(0, quiet) // SECOND
        source = f"{expected.host}/{expected.format}"
        message = (
            f"Nguồn nhật ký {source} ({system.name}) im lặng từ {to_local(last_at)}. "
            f"Log source {source} has been silent since {to_local(last_at)}."
            if what == "source_silent"
            else f"Nguồn nhật ký {source} ({system.name}) đã hoạt động trở lại sau {seconds} giây. "
            f"Log source {source} is back after {seconds} s."
        )
        fields: dict[str, Any] = {
            "event": what,
            "host": expected.host,
            "format": expected.format,
            "silent_for_seconds": seconds,
            "last_at": to_rfc3339(last_at),
            "message": message,
        }
        return Event(
            id=event_id(SOURCE, f"{what}|{_name(expected)}|{last_at}"),
            source=SOURCE,
            happened_at=at,
            received_at=wall_now,
            original=message,
            format=FORMAT,
            logsource=LogSource(product="vonggac", service="soc"),
            system=system.code,
            host=expected.host,
            fields=fields,
        )


def _name(expected: Expected) -> str:
    return f"{expected.host}|{expected.format}".lower()
