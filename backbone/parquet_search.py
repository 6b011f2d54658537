"""DuckDB over segments and tables in memory: bounded in memory, threads and time, away from the event loop.

One search goes over the segments from the newest on, some at a time, counts what fits and keeps the best page; when its
time is up it gives what it has and says that it is partial. It reads nothing but the store's own folder.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import duckdb
import msgspec
import pyarrow

from backbone.parquet_columns import OWN, listed, stored
from backbone.parquet_manifest import Segment
from backbone.parquet_sql import Parameters, where
from backbone.ports import Search, Stored
from backbone.query import And, Node
from model import CorruptError, Micros, QueryError

T = TypeVar("T")
Place: TypeAlias = tuple[Micros, int]
"""(happened_at, offset): the order of pages."""

_FIRST_FILES: Final = 4
_MOST_FILES: Final = 64
_OWN: Final = ", ".join(f'"{name}"' for name in OWN)
_PLACE: Final = '(happened_at, "offset")'


class Moved(Exception):
    """A segment went away while it was searched (merged or expired): look at the manifest again."""


class Part:
    """Some segments, or the tail (events of ``tables`` after offset ``after``): one relation for DuckDB."""

    def __init__(self, segments: Sequence[Segment] = (), tables: Sequence[pyarrow.Table] = (), after: int = 0) -> None:
        self.segments = tuple(segments)
        self.table = pyarrow.concat_tables(tables) if tables else None
        self.after = after
        self.listed = frozenset(key for s in segments for key in s.listed)
        if self.table is not None:
            self.listed = frozenset(listed(self.table))
        self.events = sum(s.events for s in segments) + (self.table.num_rows if self.table is not None else 0)

    def newest(self) -> Micros | None:
        """Time of the newest event; None when not known."""
        return max(s.newest for s in self.segments) if self.table is None else None

    def inside(self, search: Search) -> bool:
        """Whether all its events are in the time asked for."""
        return self.table is None and all(search.since <= s.oldest and s.newest < search.until for s in self.segments)


def parts(segments: Sequence[Segment], tables: Sequence[pyarrow.Table], after: int, search: Search) -> Iterator[Part]:
    """What a search has to look at, newest first, in growing bites."""
    if tables:
        yield Part(tables=tables, after=after)
    wanted = [s for s in segments if s.newest >= search.since and s.oldest < search.until]
    start, size = 0, _FIRST_FILES
    while start < len(wanted):
        yield Part(wanted[start : start + size])
        start, size = start + size, min(_MOST_FILES, size * 2)


class Searcher:
    """A DuckDB of its own. ``memory`` in MB and ``threads`` bound all searches together; at most two run at a time."""

    def __init__(self, folder: Path, memory: int = 256, threads: int = 2) -> None:
        self._folder = folder
        self._database = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{memory}MB",
                "threads": str(threads),
                "max_temp_directory_size": "0KB",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
        # In this order: nothing but the store's folder can be read, and nothing of that can be changed again.
        self._database.execute("SET allowed_directories = $1", [[str(folder.resolve())]])
        self._database.execute("SET enable_external_access = false")
        self._database.execute("SET lock_configuration = true")
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="search")

    async def run(self, limit: float, ask: Callable[["Session"], T]) -> T:
        """Run ``ask`` in a thread with a session whose time is up after ``limit`` seconds."""
        loop = asyncio.get_running_loop()
        session = Session(self._folder.resolve(), self._database.cursor(), time.monotonic() + limit)
        timer = loop.call_later(limit, session.interrupt)
        try:
            return await loop.run_in_executor(self._threads, ask, session)
        except asyncio.CancelledError:
            session.interrupt()
            raise
        finally:
            timer.cancel()

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self._database.close()


class OverTime(Exception):
    """The search's time is up."""


class Session:
    """One search's statements."""

    def __init__(self, folder: Path, cursor: duckdb.DuckDBPyConnection, deadline: float) -> None:
        self._folder = folder
        self._cursor = cursor
        self._deadline = deadline
        self._stopped = False
        self._last = False

    def interrupt(self) -> None:
        """Stop what runs; called from the event loop's thread."""
        self._stopped = True
        if not self._last:
            self._cursor.interrupt()

    def _rows(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        if not self._last and (self._stopped or time.monotonic() > self._deadline):
            raise OverTime
        try:
            return self._cursor.execute(statement, values).fetchall()
        except duckdb.InterruptException:
            raise OverTime from None
        except duckdb.OutOfMemoryException:
            raise QueryError("This search needs more memory than it may use; shorten the time or ask for fewer events.") from None
        except duckdb.IOException as error:
            if "No files found" in str(error) or "No such file" in str(error):
                raise Moved from None
            raise CorruptError(f"A segment in {self._folder} cannot be read ({error}); verify the store.") from error
        except duckdb.InvalidInputException as error:
            raise CorruptError(f"A segment in {self._folder} is damaged ({error}); verify the store.") from error

    def _relation(self, part: Part, into: Parameters) -> tuple[str, str]:
        """(FROM, condition) of a part."""
        if part.table is not None:
            self._cursor.register("tail", part.table)
            return "tail", f'"offset" > {into.put(part.after)}'
        files = [str(self._folder / s.file) for s in part.segments]
        return f"read_parquet({into.put(files)}, filename = true)", "true"

    def count(
        self, part: Part, node: Node, search: Search, page: int, before: Place | None
    ) -> tuple[int, list[tuple[Place, str]]]:
        """(events that fit, the newest ``page`` of those before ``before`` with their file)."""
        into = Parameters()
        source, own = self._relation(part, into)
        file = "''" if part.table is not None else "filename"
        best = f"max({{'h': happened_at, 'o': \"offset\", 'f': {file}}}, {into.put(page)})"
        if before is not None:
            best += f" FILTER (WHERE {_PLACE} < ({into.put(before[0])}, {into.put(before[1])}))"
        condition = f"{own} AND {_within(search, into)} AND {where(node, into, part.listed)}"
        statement = f"SELECT count(*), {best} FROM {source} WHERE {condition}"  # noqa: S608
        total, found = self._rows(statement, into.values)[0]
        return total, [((row["h"], row["o"]), row["f"]) for row in found or ()]

    def fetch(self, places: Sequence[tuple[Place, str]], tail: Part | None) -> dict[int, Stored]:
        """The events of these places, by offset. Small, and what the search was for: its time is not up before that."""
        self._last = True
        found: dict[int, Stored] = {}
        files = sorted({file for _, file in places if file})
        if files:
            into = Parameters()
            offsets = [place[1] for place, file in places if file]
            self._fetch(f"read_parquet({into.put(files)})", offsets, into, found)
        if tail is not None and (offsets := [place[1] for place, file in places if not file]):
            self._cursor.register("tail", tail.table)
            self._fetch("tail", offsets, Parameters(), found)
        return found

    def _fetch(self, source: str, offsets: list[int], into: Parameters, found: dict[int, Stored]) -> None:
        wanted = ", ".join(into.put(offset) for offset in offsets)
        for row in self._rows(f'SELECT {_OWN} FROM {source} WHERE "offset" IN ({wanted})', into.values):  # noqa: S608
            one = stored(row)
            found[one.offset] = one

    def by_id(self, part: Part, event: str) -> Stored | None:
        into = Parameters()
        source, own = self._relation(part, into)
        rows = self._rows(f"SELECT {_OWN} FROM {source} WHERE {own} AND id = {into.put(event)} LIMIT 1", into.values)  # noqa: S608
        return stored(rows[0]) if rows else None

    def histogram(self, part: Part, node: Node, search: Search, buckets: int) -> list[tuple[int, int]]:
        """(number of bucket, events) of buckets that have any."""
        into = Parameters()
        source, own = self._relation(part, into)
        since, count, width = into.put(search.since), into.put(buckets), into.put(search.until - search.since)
        bucket = f"CAST((CAST(happened_at AS HUGEINT) - {since}) * {count} // CAST({width} AS HUGEINT) AS INTEGER)"
        statement = f"SELECT {bucket} AS bucket, count(*) FROM {source} WHERE {own} AND {_within(search, into)}"  # noqa: S608
        rows = self._rows(f"{statement} AND {where(node, into, part.listed)} GROUP BY bucket", into.values)
        return [(row[0], row[1]) for row in rows]


def _within(search: Search, into: Parameters) -> str:
    return f"happened_at >= {into.put(search.since)} AND happened_at < {into.put(search.until)}"


class Found(msgspec.Struct, frozen=True):
    """What a search found; ``more`` when there is a next page."""

    events: tuple[Stored, ...]
    total: int
    searched: int
    more: bool
    partial: bool


def find(
    session: Session,
    segments: Sequence[Segment],
    tables: Sequence[pyarrow.Table],
    after: int,
    node: Node,
    search: Search,
    page: int,
    before: Place | None,
) -> Found:
    """One page and the exact count, from the newest segment on."""
    total = searched = 0
    best: list[tuple[Place, str]] = []
    tail: Part | None = None
    partial = False
    everything = isinstance(node, And) and not node.parts
    try:
        for part in parts(segments, tables, after, search):
            tail = part if part.table is not None else tail
            newest = part.newest()
            done = len(best) > page and newest is not None and newest < best[page][0][0]
            if everything and done and part.inside(search):
                total += part.events
            else:
                fits, found = session.count(part, node, search, page + 1, before)
                total += fits
                best = sorted([*best, *found], reverse=True)[: page + 1]
            searched += part.events
    except OverTime:
        partial = True
    events = session.fetch(best[:page], tail)
    return Found(tuple(events[place[1]] for place, _ in best[:page]), total, searched, len(best) > page, partial)


def find_id(
    session: Session, segments: Sequence[Segment], tables: Sequence[pyarrow.Table], after: int, event: str
) -> Stored | None:
    """The event with this id, looked for from the newest segment on."""
    for part in parts(segments, tables, after, Search(since=-(2**62))):
        if found := session.by_id(part, event):
            return found
    return None


def tally(
    session: Session,
    segments: Sequence[Segment],
    tables: Sequence[pyarrow.Table],
    after: int,
    node: Node,
    search: Search,
    buckets: int,
) -> dict[int, int]:
    """Events by number of bucket."""
    counts: dict[int, int] = {}
    for part in parts(segments, tables, after, search):
        for bucket, count in session.histogram(part, node, search, buckets):
            counts[bucket] = counts.get(bucket, 0) + count
    return counts
