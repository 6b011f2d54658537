"""Where data moves and rests, as the rest of the house sees it. No adapter is named here.

Theory: three ports. A ``Bus`` has topics of records in order (a ``Journal`` is one that also keeps a collector's positions);
a ``StateStore`` has small entries and commits them together with cursors and new records, all or nothing; an ``EventStore``
keeps events and answers searches. Everything is at-least-once and idempotent by id, and exactly-once where the adapter can
commit both sides at once (SQLite: one transaction; Kafka: one Kafka transaction).

Topics: ``events`` (encoded Event, keyed by source), ``matches``, ``alerts`` (encoded Alert, keyed by alert id), ``incidents``
(encoded Incident, keyed by id), ``dead-letters``.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec

from model import Event, Micros

TOPICS = ("events", "matches", "alerts", "incidents", "dead-letters")


class Clock(Protocol):
    """Wall clock. Pure cores never get one: they get the time as an argument."""

    def now(self) -> Micros: ...


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a topic. ``offset`` starts at 1 and grows; there may be gaps (Kafka keeps marks of transactions there).

    ``appended_at`` is when it became durable.
    """

    offset: int
    key: str
    value: bytes
    appended_at: Micros


class Bus(Protocol):
    """Topics: durable, ordered, read by any number of groups, each with its own position."""

    async def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> int:
        """Append (key, value) pairs; return the last offset once all are durable. FullError: nothing was stored."""
        ...

    async def read(self, topic: str, after: int, limit: int, wait: float = 0.0) -> list[Record]:
        """Up to ``limit`` records with offset > ``after``, in order, fewer when they are long; waits up to ``wait`` seconds."""
        ...

    async def end(self, topic: str) -> int:
        """Offset of the newest record, 0 when there never was one."""
        ...

    async def position(self, group: str, topic: str) -> int:
        """Offset up to which ``group`` is done, 0 at the beginning."""
        ...

    async def commit(self, group: str, topic: str, offset: int) -> None:
        """Say that ``group`` is done up to ``offset``. Never moves backwards."""
        ...

    async def close(self) -> None: ...


class Journal(Bus, Protocol):
    """The collector's own log on its machine: a Bus that also keeps where its sources are, and is trimmed behind its readers."""

    async def append(
        self, topic: str, records: Sequence[tuple[str, bytes]], checkpoints: Mapping[str, bytes] | None = None
    ) -> int:
        """As Bus. ``checkpoints`` (a source's position, a request's idempotency key) become durable in the same commit."""
        ...

    async def checkpoint(self, name: str) -> bytes | None: ...

    async def forget(self, prefix: str, before: Micros) -> int:
        """Drop checkpoints whose name starts with ``prefix`` and that were written before ``before``; return how many."""
        ...

    async def trim(self, topic: str, groups: Sequence[str]) -> int:
        """Drop records all of ``groups`` are done with; return how many. Offsets go on."""
        ...


class Put(msgspec.Struct, frozen=True):
    """Write one entry. ``expect`` is the version it must have now (0: must not exist; None: whatever)."""

    space: str
    key: str
    value: bytes
    at: Micros = 0
    expect: int | None = None


class Entry(msgspec.Struct, frozen=True):
    """One entry of a space. ``version`` counts its writes from 1; ``change`` grows with every write in the store."""

    key: str
    value: bytes
    at: Micros
    version: int
    change: int


class Commit(msgspec.Struct, frozen=True):
    """Everything one step wants durable, all or nothing.

    ``cursors`` are (group, topic, offset): what the step consumed. ``appends`` are (topic, key, value): what it produced.
    """

    puts: tuple[Put, ...] = ()
    deletes: tuple[tuple[str, str], ...] = ()
    appends: tuple[tuple[str, str, bytes], ...] = ()
    cursors: tuple[tuple[str, str, int], ...] = ()


class StateStore(Protocol):
    """Small entries in named spaces (``alerts``, ``incidents``, ``outbox``, ``windows``, ``health``, …)."""

    async def get(self, space: str, key: str) -> Entry | None: ...

    async def newest(
        self, space: str, *, before: tuple[Micros, str] | None = None, since: Micros = 0, limit: int = 100
    ) -> list[Entry]:
        """Newest first by (``at``, key), only entries with ``at`` ≥ ``since``; ``before`` is the last one already seen."""
        ...

    async def scan(self, space: str) -> AsyncIterator[Entry]:
        """Every entry of a space, in key order. (``async for e in await store.scan(...)``.)"""
        ...

    async def count(self, space: str) -> int: ...

    async def changes(self, space: str, after: int, limit: int, wait: float = 0.0) -> list[Entry]:
        """Entries whose ``change`` > ``after``, oldest change first; waits up to ``wait`` seconds for the first one."""
        ...

    async def commit(self, commit: Commit) -> None:
        """All of it or nothing. ConflictError when an ``expect`` does not hold, FullError when there is no room."""
        ...

    async def position(self, group: str, topic: str) -> int:
        """Cursor of ``group`` as committed by ``commit``, 0 when never."""
        ...

    async def close(self) -> None: ...


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An event with its place in the log: what the event store keeps."""

    event: Event
    offset: int
    stored_at: Micros


class Search(msgspec.Struct, frozen=True):
    """A question to the event store. ``text`` is the query language of ``backbone/query.py``; empty matches all.

    Times are event times, half-open [``since``, ``until``). ``after`` is ``Found.next`` of the page before.
    """

    text: str = ""
    since: Micros = 0
    until: Micros = 2**62
    limit: int = 100
    after: str = ""


class Found(msgspec.Struct, frozen=True):
    """One page of events, newest first. ``total`` is exact unless ``partial``. ``searched`` counts events looked at."""

    events: tuple[Stored, ...]
    total: int
    searched: int
    took: float
    next: str = ""
    partial: bool = False


class EventStore(Protocol):
    """Keeps events; a search sees every event already in the log, written out or not."""

    async def resume(self) -> int | None:
        """Offset up to which events are durable here; None when this store does not know (ask the bus)."""
        ...

    async def write(self, events: Sequence[Stored]) -> int:
        """Take events in offset order; return the offset up to which they are durable here (0: none yet).

        Events at or below ``resume()`` are ignored, so a replay stores nothing twice.
        """
        ...

    async def flush(self) -> int:
        """Make everything taken durable; return the offset."""
        ...

    async def search(self, search: Search) -> Found:
        """QueryError when the text cannot be understood."""
        ...

    async def get(self, event: str) -> Stored | None: ...

    async def histogram(self, search: Search, buckets: int) -> list[tuple[Micros, int]]:
        """(start of bucket, events) over [since, until); empty buckets included."""
        ...

    async def expire(self, before: Mapping[str, Micros]) -> int:
        """Drop whole segments whose newest event is older than allowed for every system in it; return events dropped.

        ``before`` maps a system code to its oldest kept time; ``""`` is the default.
        """
        ...

    async def close(self) -> None: ...
