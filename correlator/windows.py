"""Sigma correlation on event time: matches in, firings out. Pure.

Rules: sliding windows, not buckets; a window fires as soon as it holds; the result does not depend on the order of arrival
within ``lateness`` (``windows_group.py`` has the theory); a match later than that is counted and still joins what is there.
State is bounded: groups per correlation, matches per group, bytes of traces. The group idle longest goes first, counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from correlator.alerts import Trace, alert_id
from correlator.rule import Correlation
from correlator.windows_group import Episode, Group, Item, Room, Turn
from correlator.windows_route import Match, Route, routes_of
from correlator.windows_shape import shape_of
from model import Micros
from model.moment import MINUTE

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(Trace).decode
_CHAIN: Final = 8
_CITED: Final = 64


class Limits(msgspec.Struct, frozen=True):
    """``groups`` per correlation; ``matches`` per group (a condition that needs more gets them, a group that needs fewer keeps
    at least ``floor``); ``excerpts``: bytes of traces beyond which new ones lose their excerpt (evidence still names the event).
    """

    groups: int = 100_000
    matches: int = 10_000
    floor: int = 1_000
    excerpts: int = 64 << 20


class Firing(msgspec.Struct, frozen=True):
    """A window that held. ``change``: ``opened`` (a new alert), ``extended``, or ``merged`` (part of alert ``into`` after all).

    ``count`` is the total of the episode; ``traces`` are only those that are new (at most 64 of them, the last included).
    """

    correlation: int
    change: Literal["opened", "extended", "merged"]
    id: str
    key: tuple[str, ...]
    count: int
    first_at: Micros
    last_at: Micros
    traces: tuple[Trace, ...] = ()
    into: str = ""


class Saved(msgspec.Struct, frozen=True, array_like=True):
    """A group at rest. ``mark`` is the shape it was made by: another one cannot use it."""

    mark: str
    key: tuple[str, ...]
    until: Micros
    serial: int
    items: list[Item]
    episodes: tuple[Episode, ...]


class Windows:
    """All groups of all correlations. ``watermark`` is passed in and never goes back; ``lateness`` is what it trails by (µs)."""

    def __init__(self, correlations: Sequence[Correlation], lateness: Micros = 5 * MINUTE, limits: Limits | None = None) -> None:
        self.correlations: Final = tuple(correlations)
        self.limits: Final = limits or Limits()
        self.lateness: Final = lateness
        self.routes: Final[dict[str, tuple[Route, ...]]] = routes_of(self.correlations)
        self.late = 0
        self.evicted = 0
        self.room: Final = Room()
        self._shapes: Final = [shape_of(c, self.limits.floor, self.limits.matches) for c in self.correlations]
        self._groups: Final[list[dict[tuple[str, ...], Group]]] = [{} for _ in self.correlations]
        self._changed: Final[set[tuple[int, tuple[str, ...]]]] = set()
        self._serial = 0
        self._packed: tuple[Trace, bytes] | None = None

    def __len__(self) -> int:
        return sum(len(groups) for groups in self._groups)

    @property
    def changed(self) -> bool:
        """Whether ``changes`` has something to give."""
        return bool(self._changed)

    def observe(self, match: Match, watermark: Micros) -> list[Firing]:
        """Enter one match; what fired because of it, firings of correlations over correlations after their cause."""
        fired: list[Firing] = []
        self._observe(match, watermark, fired, _CHAIN)
        return fired

    def tick(self, watermark: Micros) -> int:
        """Drop groups that nothing on time can change any more; return how many."""
        dropped = 0
        for index, groups in enumerate(self._groups):
            while groups:
                key, group = next(iter(groups.items()))
                if group.until >= watermark:
                    break
                self._drop(index, key)
                dropped += 1
        return dropped

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """(name, state) of every group that changed since the last call; None when it is gone."""
        for index, key in self._changed:
            group = self._groups[index].get(key)
            yield self._name(index, key), None if group is None else _pack(self._save(index, key, group))
        self._changed.clear()

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """(name, state) of every group."""
        for index, groups in enumerate(self._groups):
            for key, group in groups.items():
                yield self._name(index, key), _pack(self._save(index, key, group))

    def restore(self, entries: Iterable[tuple[str, bytes]]) -> list[str]:
        """Take back what ``changes`` gave; names that no correlation can use any more are returned, for deletion."""
        known = {c.id: index for index, c in enumerate(self.correlations)}
        decode = msgspec.msgpack.Decoder(Saved).decode
        useless: list[str] = []
        loaded: list[tuple[int, Saved]] = []
        for name, value in entries:
            index = known.get(name.rpartition("|")[0])
            saved = decode(value) if index is not None else None
            if index is None or saved is None or saved.mark != self._shapes[index].mark:
                useless.append(name)
            else:
                loaded.append((index, saved))
        for index, saved in sorted(loaded, key=lambda pair: pair[1].serial):
            group = Group()
            group.items, group.episodes = saved.items, saved.episodes
            group.until, group.serial = saved.until, saved.serial
            self._groups[index][saved.key] = group
            self.room.bytes += sum(len(item[4]) for item in saved.items)
            self._serial = max(self._serial, saved.serial)
        return useless

    def _observe(self, match: Match, watermark: Micros, fired: list[Firing], depth: int) -> None:
        index, at = match.correlation, match.at
        shape, groups, room = self._shapes[index], self._groups[index], self.room
        late = at < watermark
        self.late += late
        group = groups.pop(match.key, None)
        if group is None or group.until < watermark:
            if group is not None:
                group.release(room)
            group = Group()
        groups[match.key] = group
        self._serial += 1
        group.serial = self._serial
        group.until = max(group.until, min(max(at, watermark), watermark + self.lateness) + shape.span)
        group.prune(room, min(at, watermark) - shape.span, watermark - shape.span)
        self._changed.add((index, match.key))
        number = _number(match.event)
        episode = group.reach(shape, at)
        trace = self._pack_trace(match.trace, episode is None and len(group.items) >= _CITED)
        if episode is not None:
            turn: Turn | None = group.extend(shape, room, episode, (at, match.rank, number, match.value), trace)
        else:
            turn = group.wait(shape, room, (at, match.rank, number, match.value, trace))
        if turn is not None:
            self._tell(match, turn, watermark, fired, depth)
        if len(groups) > self.limits.groups:
            self._drop(index, next(iter(groups)))
            self.evicted += 1

    def _tell(self, match: Match, turn: Turn, watermark: Micros, fired: list[Firing], depth: int) -> None:
        """Turn into firings, and a first firing into a match of the correlations that look at this one."""
        correlation, episode = self.correlations[match.correlation], turn.episode
        cited = turn.traces if len(turn.traces) <= _CITED else [*turn.traces[: _CITED - 1], turn.traces[-1]]
        traces = tuple(match.trace if t.event == match.trace.event else t for t in map(_unpack, cited))
        if turn.opened:
            group = tuple(zip(correlation.group_by, match.key, strict=True))
            episode.id = alert_id(correlation.id, group, traces[0].event)
        change: Literal["opened", "extended"] = "opened" if turn.opened else "extended"
        for other in turn.merged:
            fired.append(
                Firing(
                    match.correlation, "merged", other.id, match.key, other.count, other.first_at, other.last_at, (), episode.id
                )
            )
        fired.append(
            Firing(match.correlation, change, episode.id, match.key, episode.count, episode.first_at, episode.last_at, traces)
        )
        if not turn.opened or depth == 0:
            return
        values = dict(zip(correlation.group_by, match.key, strict=True))
        for route in self.routes.get(correlation.id, ()):
            outer = route.match(values.get, episode.id, match.at, match.trace)
            if outer is not None:
                self._observe(outer, watermark, fired, depth - 1)

    def _pack_trace(self, trace: Trace, bare: bool) -> bytes:
        if bare or self.room.bytes > self.limits.excerpts:
            return _pack(msgspec.structs.replace(trace, excerpt=""))
        if self._packed is None or self._packed[0] is not trace:
            self._packed = (trace, _pack(trace))
        return self._packed[1]

    def _drop(self, index: int, key: tuple[str, ...]) -> None:
        self._groups[index].pop(key).release(self.room)
        self._changed.add((index, key))

    def _name(self, index: int, key: tuple[str, ...]) -> str:
        digest = blake2b("".join(f"{len(k)}:{k}" for k in key).encode("utf-8", "surrogatepass"), digest_size=16)
        return f"{self.correlations[index].id}|{digest.hexdigest()}"

    def _save(self, index: int, key: tuple[str, ...], group: Group) -> Saved:
        return Saved(self._shapes[index].mark, key, group.until, group.serial, group.items, group.episodes)


def _number(event: str) -> int:
    """An event id as 60 bits: enough to tell matches of one instant apart, a third of the memory of the text."""
    try:
        return int(event[-15:], 16)
    except ValueError:
        return int.from_bytes(blake2b(event.encode("utf-8", "surrogatepass"), digest_size=7).digest(), "big")
