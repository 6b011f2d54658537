"""Events that are in the log but not yet in a segment, as columns: what makes a search see everything at once.

The newest stay unpacked between searches; beyond KEPT they are read again each time, and beyond MOST a search is partial.
"""

import asyncio
from typing import Final

import msgspec
import pyarrow

from backbone.codec import decode_event
from backbone.parquet_columns import table
from backbone.ports import Bus, Record, Stored

TOPIC: Final = "events"
KEPT: Final = 20_000
MOST: Final = 200_000
_CHUNK: Final = 2_000


class Tail:
    """The log's records after an offset. Searches at the same time take turns."""

    def __init__(self, log: Bus) -> None:
        self._log = log
        self._kept: list[tuple[int, pyarrow.Table]] = []
        self._turn = asyncio.Lock()

    async def after(self, offset: int) -> tuple[list[pyarrow.Table], bool, bool]:
        """(tables of events after ``offset``, whether that is all, whether the log still had the first of them).

        A table may begin with events at or before ``offset``; the search leaves them out.
        """
        async with self._turn:
            return await self._after(offset)

    async def _after(self, offset: int) -> tuple[list[pyarrow.Table], bool, bool]:
        self._kept = [(last, events) for last, events in self._kept if last > offset]
        tables = [events for _, events in self._kept]
        reached = self._kept[-1][0] if self._kept else offset
        rows = sum(events.num_rows for events in tables)
        whole = joined = True
        end = await self._log.end(TOPIC)
        while reached < end:
            if rows >= MOST:
                return tables, False, joined
            records = await self._log.read(TOPIC, reached, _CHUNK)
            if not records:
                break
            joined = joined and records[0].offset == reached + 1
            events, understood = await asyncio.to_thread(_columns, records)
            whole = whole and understood
            reached = records[-1].offset
            tables.append(events)
            # Small tables would make many searches slow, so only whole chunks are kept.
            if rows + len(records) <= KEPT and len(records) == _CHUNK:
                self._kept.append((reached, events))
            rows += len(records)
        return tables, whole, joined


def _columns(records: list[Record]) -> tuple[pyarrow.Table, bool]:
    """(events as columns, whether every record was one)."""
    events: list[Stored] = []
    for record in records:
        try:
            events.append(Stored(decode_event(record.value), record.offset, record.appended_at))
        except msgspec.DecodeError:
            continue
    return table(events), len(events) == len(records)
