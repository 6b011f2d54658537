"""The EventStore of the embedded default: immutable Parquet segments, searched with DuckDB, under a hash chain.

    write ─▶ tables in memory ─▶ segments + durable offset (one commit of manifest.db) ─▶ merged ─▶ expired

One process writes (a lock file sees to it); any number search. A search sees the segments, then what this process holds in
memory, then what the log has beyond that. Why Parquet, and what was measured: ``docs/decisions/event-store.md``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import pyarrow

from backbone.paging import bucket_edges, page_limit, read_place, write_place
from backbone.parquet_manifest import Manifest, Segment
from backbone.parquet_search import Found as Counted
from backbone.parquet_search import Moved, OverTime, Searcher, Session, find, find_id, tally
from backbone.parquet_tail import Tail
from backbone.parquet_writer import Writer
from backbone.ports import Bus, Clock, Found, Search, Stored
from backbone.query import parse
from backbone.sqlite_file import make_private
from model import BackboneError, Micros, QueryError
from model.moment import SECOND

T = TypeVar("T")

_TRIES: Final = 5


class View(msgspec.Struct, frozen=True):
    """Everything there is at one moment: segments newest first, and tables of events after offset ``after``.

    ``whole`` is False when the log's tail was too long, or held records that are no events.
    """

    segments: tuple[Segment, ...]
    tables: tuple[pyarrow.Table, ...]
    after: int
    whole: bool


class ParquetEvents:
    """Use ``await ParquetEvents.open(folder, clock)``. Becomes the writer with the first ``write``, ``flush`` or ``expire``."""

    def __init__(self, manifest: Manifest, writer: Writer, searcher: Searcher, tail: Tail | None, search_limit: float) -> None:
        self._manifest = manifest
        self._writer = writer
        self._searcher = searcher
        self._tail = tail
        self._limit = search_limit

    @classmethod
    async def open(
        cls,
        folder: Path,
        clock: Clock,
        log: Bus | None = None,
        *,
        segment_events: int = 50_000,
        segment_age: Micros = 60 * SECOND,
        merged_events: int = 500_000,
        merged_files: int = 8,
        search_limit: float = 10.0,
        search_memory: int = 256,
        search_threads: int = 2,
    ) -> "ParquetEvents":
        """Open or make the store in ``folder``.

        ``log`` is the bus whose topic ``events`` is written here: with it a search sees what is not yet written out.
        A segment is written out with ``segment_events`` events, with 48 MiB of them, or when the first has waited
        ``segment_age`` microseconds (looked at when ``write`` is called, also with no events). ``search_limit`` is in seconds,
        ``search_memory`` in MB.
        """
        # mimalloc, Arrow's own choice, hands columns back to the kernel and faults them in again: a third of the store's time.
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())
        make_private(folder / "manifest.db")
        manifest = await Manifest.open(folder, clock)
        writer = Writer(
            folder,
            manifest,
            clock,
            segment_events=segment_events,
            segment_age=segment_age,
            merged_events=merged_events,
            merged_files=merged_files,
        )
        searcher = Searcher(folder, search_memory, search_threads)
        return cls(manifest, writer, searcher, Tail(log) if log is not None else None, search_limit)

    async def resume(self) -> int | None:
        return (await self._manifest.snapshot()).durable

    async def write(self, events: Sequence[Stored]) -> int:
        """As the port says. BackboneError when another process writes; FullError: call again, nothing is lost or taken twice."""
        return await self._writer.write(events)

    async def flush(self) -> int:
        return await self._writer.flush()

    async def merge(self) -> int:
        """Merge small segments now (it happens by itself as well); return how many files are gone."""
        return await self._writer.merge()

    async def expire(self, before: Mapping[str, Micros]) -> int:
        return await self._writer.expire(before)

    async def verify(self) -> list[str]:
        """Check the hash chain and every segment's SHA-256; one sentence for each thing wrong, none when all is as written."""
        return await self._manifest.verify()

    async def head(self) -> tuple[int, str]:
        """(length, hash) of the chain, to be kept elsewhere as proof."""
        return await self._manifest.head()

    async def search(self, search: Search) -> Found:
        """As the port says. ``partial`` when the time was up before all was looked at; ``total`` is then a lower bound."""
        began = time.perf_counter()
        node, page, before = parse(search.text), page_limit(search), read_place(search.after)

        def ask(session: Session, view: View) -> Counted:
            return find(session, view.segments, view.tables, view.after, node, search, page, before)

        found, view = await self._ask(ask)
        last = found.events[-1] if found.events and found.more else None
        return Found(
            events=found.events,
            total=found.total,
            searched=found.searched,
            took=time.perf_counter() - began,
            next=write_place(last.event.happened_at, last.offset) if last else "",
            partial=found.partial or not view.whole,
        )

    async def get(self, event: str) -> Stored | None:
        found, _ = await self._ask(lambda session, view: find_id(session, view.segments, view.tables, view.after, event))
        return found

    async def histogram(self, search: Search, buckets: int) -> list[tuple[Micros, int]]:
        edges, node = bucket_edges(search, buckets), parse(search.text)
        counts, _ = await self._ask(lambda s, view: tally(s, view.segments, view.tables, view.after, node, search, buckets))
        return [(edge, counts.get(number, 0)) for number, edge in enumerate(edges)]

    async def _ask(self, ask: Callable[[Session, View], T]) -> tuple[T, View]:
        """Ask a view; again with a new one when a segment was replaced meanwhile."""
        for _ in range(_TRIES):
            view = await self._view()
            try:
                return await self._searcher.run(self._limit, lambda session, view=view: ask(session, view)), view  # type: ignore[misc]
            except Moved:
                continue
            except OverTime:
                raise QueryError(
                    f"The search took more than {self._limit:g} s; ask for a shorter time or a rarer value."
                ) from None
        raise BackboneError("A segment the manifest names is not on the disk; verify the store.")

    async def _view(self) -> View:
        """Segments and tail that fit together, whatever is written out or merged meanwhile."""
        whole = True
        for attempt in range(_TRIES):
            snapshot = await self._manifest.snapshot()
            held, durable, taken = tuple(self._writer.held), self._writer.durable, self._writer.taken
            if durable > snapshot.durable:
                continue
            if self._tail is None:
                return View(snapshot.segments, held, snapshot.durable, True)
            beyond, whole, joined = await self._tail.after(max(snapshot.durable, taken))
            if joined or attempt == _TRIES - 1:
                break
        else:
            raise BackboneError("The event store changes too fast to be searched; try again.")
        return View(snapshot.segments, (*held, *beyond), snapshot.durable, whole and joined)

    async def close(self) -> None:
        try:
            await self._writer.close()
        finally:
            await self._searcher.close()
            await self._manifest.close()
