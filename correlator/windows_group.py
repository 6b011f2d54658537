"""One group of one correlation: matches that wait, and episodes that fired. Pure.

An *episode* begins with the first match of the first window that holds and goes on until one timespan passes without a
match. It is a function of the set of matches alone, so the order in which they arrive changes nothing (as long as each is
within the lateness): a late match may join an episode, begin it earlier, or join two into one. The episode of the earlier
matches then keeps its alert, and the other alert says so.

A fired episode keeps numbers and a *head*, not its matches: the earliest rows that decide whether a late match begins it
earlier, and those only until the watermark is one timespan past its beginning.
"""

from bisect import bisect_left
from typing import Final

import msgspec

from correlator.windows_shape import Row, Shape, Table
from model import Micros

Item = tuple[Micros, int, int, str, bytes]
"""A Row and its packed trace."""

_HEAD_OF_CHAIN: Final = 256
_EPISODES: Final = 32


class Episode(msgspec.Struct, array_like=True):
    """A run of matches that fired once. ``id`` is the alert's. ``count`` matches between ``first_at`` and ``last_at``."""

    id: str
    first_at: Micros
    last_at: Micros
    count: int
    head: list[Row] | None


class Turn(msgspec.Struct):
    """What one match changed: ``episode`` opened (``id`` still empty) or grew by ``traces``, and swallowed ``merged``."""

    episode: Episode
    opened: bool
    traces: list[bytes]
    merged: list[Episode]


class Room:
    """What all groups together hold: ``bytes`` of packed traces, ``dropped`` matches that did not fit."""

    __slots__ = ("bytes", "dropped")

    def __init__(self) -> None:
        self.bytes = 0
        self.dropped = 0


class Group:
    """State of one group key. ``until``: watermark after which nothing of it matters. ``serial`` orders groups by activity."""

    __slots__ = ("episodes", "items", "recent", "serial", "table", "until")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.episodes: tuple[Episode, ...] = ()
        self.until: Micros = 0
        self.serial = 0
        self.recent: dict[str, Micros] | None = None
        self.table: Table | None = None

    def reach(self, shape: Shape, at: Micros) -> Episode | None:
        """The episode that a match at ``at`` belongs to whatever else is there."""
        for episode in self.episodes:
            if episode.first_at <= at <= episode.last_at + shape.span:
                return episode
        return None

    def extend(self, shape: Shape, room: Room, episode: Episode, row: Row, trace: bytes) -> Turn:
        """``row`` joins ``episode``, and what it bridges, or what now holds together with it, joins too."""
        episode.count += 1
        episode.last_at = max(episode.last_at, row[0])
        add_to_head(shape, episode, row)
        if not self.items and len(self.episodes) == 1:
            return Turn(episode, False, [trace], [])
        traces, merged = self._swallow(shape, room, episode)
        earlier = self._begin(shape, room, row[0]) if self._precedes(shape, episode, row[0]) else None
        if earlier is None:
            return Turn(episode, False, [trace, *traces], merged)
        return Turn(earlier.episode, False, [*earlier.traces, trace, *traces], merged + earlier.merged)

    def wait(self, shape: Shape, room: Room, item: Item) -> Turn | None:
        """``item`` waits with the others, or makes a window hold. A repeat of the same match is nothing."""
        place = bisect_left(self.items, item[:3])
        if place < len(self.items) and self.items[place][:3] == item[:3]:
            return None
        newest = not self.items or item[:2] >= self.items[-1][:2]
        if self.episodes and self.episodes[-1].first_at > item[0]:
            newest = False
        if self.items:
            self.items.insert(place, item)
        else:
            self.items = [item]  # a list of exactly one: most groups never see a second match
        room.bytes += len(item[4])
        turn = self._begin(shape, room, item[0]) if self._may_hold(shape, item, newest) else None
        if len(self.items) > shape.cap:
            self._drop_one(shape, room, item)
        return turn

    def prune(self, room: Room, cut: Micros, settled: Micros) -> None:
        """Forget what is older than ``cut``: nothing to come can meet it. Drop heads of episodes begun before ``settled``."""
        if self.items and self.items[0][0] < cut:
            gone = bisect_left(self.items, (cut,))
            room.bytes -= sum(len(i[4]) for i in self.items[:gone])
            del self.items[:gone]
        if self.episodes:
            if self.episodes[0].last_at < cut:
                self.episodes = tuple(e for e in self.episodes if e.last_at >= cut)
            for episode in self.episodes:
                if episode.head is not None and episode.first_at < settled:
                    episode.head = None

    def release(self, room: Room) -> None:
        """The group goes away: give back its room."""
        room.bytes -= sum(len(i[4]) for i in self.items)

    def _may_hold(self, shape: Shape, item: Item, newest: bool) -> bool:
        """False when no window with ``item`` can hold. Constant time for matches in order, the usual case."""
        at = item[0]
        if len(self.items) < shape.low and not self.episodes:
            self.recent = self.table = None
            return False
        if shape.kind == "count":
            since = bisect_left(self.items, (at - shape.span,))
            if newest:
                return shape.holds(len(self.items) - since)
            return bool(self.episodes) or bisect_left(self.items, (at + shape.span + 1,)) - since >= shape.low
        if self.recent is None:
            self.recent = {row[3]: row[0] for row in self.items}
        self.recent[item[3]] = max(at, self.recent.get(item[3], at))
        chained = shape.kind == "ordered" and self._chained(shape, item, newest)
        if not newest and self.episodes:
            return True
        if len(self.recent) < shape.low:
            return False
        if len(self.recent) > 2 * shape.low:
            oldest = self.items[0][0]
            self.recent = {value: last for value, last in self.recent.items() if last >= oldest}
        if not newest or shape.kind == "ordered":
            return chained or not newest
        return shape.holds(sum(last >= at - shape.span for last in self.recent.values()))

    def _chained(self, shape: Shape, item: Item, newest: bool) -> bool:
        if not newest:
            self.table = None
            return True
        if self.table is None:
            self.table = shape.table()
            for row in self.items[:-1]:
                shape.chain(self.table, row[0], row[1])
        return shape.chain(self.table, item[0], item[1])

    def _precedes(self, shape: Shape, episode: Episode, at: Micros) -> bool:
        """Whether something waits before ``episode`` that a match at ``at`` could share a window with."""
        if episode.head is None or at > episode.first_at + shape.span:
            return False
        return bisect_left(self.items, (at - shape.span,)) < bisect_left(self.items, (episode.first_at,))

    def _begin(self, shape: Shape, room: Room, at: Micros) -> Turn | None:
        """Look at every window around ``at``; open an episode, or begin the following one earlier."""
        span = shape.span
        low, high = bisect_left(self.items, (at - span,)), bisect_left(self.items, (at + span + 1,))
        rows: list[Row] = [i[:4] for i in self.items[low:high]]
        earliest = rows[0][0]
        place = bisect_left([e.first_at for e in self.episodes], earliest)
        following = self.episodes[place] if place < len(self.episodes) else None
        if following is not None and following.first_at <= at + span:
            rows = sorted(rows + [r for r in following.head or () if r[0] <= at + span])
        end = shape.first_end(rows)
        if end is None:
            return None
        first_at = rows[bisect_left(rows, (rows[end][0] - span,))][0]
        if following is not None and first_at >= following.first_at:
            return None
        episode = Episode("", first_at, first_at, 0, [])
        self.episodes = (*self.episodes[:place], episode, *self.episodes[place:])
        traces, merged = self._swallow(shape, room, episode)
        opened = not merged
        if merged:
            episode.id = merged.pop(0).id
        if len(self.episodes) > _EPISODES:
            # Only times far in the future get here; the farthest can grow no more, its alert is told.
            self.episodes = self.episodes[:_EPISODES]
            room.dropped += 1
        return Turn(episode, opened, traces, merged)

    def _swallow(self, shape: Shape, room: Room, episode: Episode) -> tuple[list[bytes], list[Episode]]:
        """Take everything that follows ``episode`` without a gap longer than one timespan."""
        start = end = bisect_left(self.items, (episode.first_at,))
        place = next(i for i, e in enumerate(self.episodes) if e is episode) + 1
        merged: list[Episode] = []
        while True:
            limit = episode.last_at + shape.span
            if end < len(self.items) and self.items[end][0] <= limit:
                row = self.items[end]
                episode.last_at = max(episode.last_at, row[0])
                add_to_head(shape, episode, row[:4])
                end += 1
            elif place < len(self.episodes) and self.episodes[place].first_at <= limit:
                other = self.episodes[place]
                self.episodes = self.episodes[:place] + self.episodes[place + 1 :]
                episode.last_at = max(episode.last_at, other.last_at)
                episode.count += other.count
                for head in other.head or ():
                    add_to_head(shape, episode, head)
                merged.append(other)
            else:
                break
        taken = self.items[start:end]
        if taken:
            episode.count += len(taken)
            room.bytes -= sum(len(i[4]) for i in taken)
            del self.items[start:end]
            self.recent = self.table = None
        return [i[4] for i in taken], merged

    def _drop_one(self, shape: Shape, room: Room, item: Item) -> None:
        """Too many wait: the oldest of the newcomer's own value goes first, so that a flood cannot push others out."""
        place = 0
        if shape.kind != "count":
            place = next(i for i, other in enumerate(self.items) if other[3] == item[3])
            place = 0 if self.items[place] is item else place
        room.bytes -= len(self.items.pop(place)[4])
        room.dropped += 1
        self.table = None


def add_to_head(shape: Shape, episode: Episode, row: Row) -> None:
    """Keep ``row`` if it is among the earliest that decide whether the episode may begin earlier."""
    head = episode.head
    if head is None:
        return
    limit = _HEAD_OF_CHAIN if shape.kind == "ordered" else shape.low
    if (len(head) >= limit and row >= head[-1]) or row[0] > episode.first_at + shape.span:
        return
    if shape.kind == "distinct":
        known = next((i for i, other in enumerate(head) if other[3] == row[3]), None)
        if known is not None:
            if head[known] <= row:
                return
            del head[known]
    head.insert(bisect_left(head, row), row)
    del head[limit:]
