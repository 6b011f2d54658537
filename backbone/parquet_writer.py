"""The writing side of the event store: one process at a time, held by a lock file.

Events are held in memory until there are enough of them or the oldest has waited long enough, then written out in one
step; segments that stay small are merged in the background. Whatever fails is raised at the next call: nothing is lost by it,
because the durable offset moves only with the manifest's commit and the log still has the rest.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow

from backbone import parquet_segments as segments
from backbone.parquet_columns import table
from backbone.parquet_manifest import Manifest, Segment
from backbone.ports import Clock, Stored
from backbone.sqlite_file import make_private
from model import BackboneError, Micros
from model.moment import MINUTE

GRACE: Final[Micros] = 2 * MINUTE
"""How long a file stays after it was replaced or expired, for searches that are reading it."""


class Writer:
    """Takes events in offset order. ``merged_files`` small segments are merged; one of more than
    ``merged_events`` divided by that stays."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        clock: Clock,
        *,
        segment_events: int,
        segment_age: Micros,
        merged_events: int,
        merged_files: int,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._clock = clock
        self._segment_events = segment_events
        self._segment_age = segment_age
        self._merged_events = merged_events
        self._merged_files = merged_files
        self._lock: int | None = None
        self._turn = asyncio.Lock()
        self._merge_turn = asyncio.Lock()
        self._merging: asyncio.Task[int] | None = None
        self._since: Micros = 0
        self._bytes = 0
        self.held: list[pyarrow.Table] = []
        self.taken = 0
        self.durable = 0

    @property
    def rows(self) -> int:
        """Events held in memory."""
        return sum(events.num_rows for events in self.held)

    @property
    def _crowded(self) -> bool:
        return self.rows >= self._segment_events or self._bytes >= segments.FLUSH_BYTES

    async def write(self, events: Sequence[Stored]) -> int:
        async with self._turn:
            await self._own()
            if self._crowded:
                # The last flush failed: make room before taking more.
                await self._flush()
            if new := [s for s in events if s.offset > self.taken]:
                columns = await asyncio.to_thread(table, new)
                if not self.held:
                    self._since = self._clock.now()
                self.held.append(columns)
                self._bytes += columns.nbytes
                self.taken = new[-1].offset
            if self._crowded or (self.held and self._clock.now() - self._since >= self._segment_age):
                await self._flush()
            return self.durable

    async def flush(self) -> int:
        async with self._turn:
            await self._own()
            await self._flush()
            return self.durable

    async def _flush(self) -> None:
        if not self.held:
            return
        taken, held, quiet = self.taken, pyarrow.concat_tables(self.held), not self._crowded
        written = await asyncio.to_thread(segments.write, self._folder, held)
        await self._manifest.add(written, taken)
        self.held, self._bytes, self.durable = [], 0, taken
        del held
        if quiet:  # while much comes in, the memory is needed again at once
            await asyncio.to_thread(pyarrow.default_memory_pool().release_unused)
        await self._merge_later()

    async def _own(self) -> None:
        """Become the one writer: take the lock, see how far the store has come, remove what a killed writer left."""
        if self._lock is not None:
            return
        path = self._folder / "writer.lock"
        make_private(path)
        lock = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise BackboneError(f"Another process writes events to {self._folder}; stop it, or use another folder.") from None
        self._lock = lock
        self.taken = self.durable = (await self._manifest.snapshot()).durable
        await asyncio.to_thread(segments.sweep, self._folder, await self._manifest.named())
        await self._clean()

    async def _clean(self) -> None:
        gone = await self._manifest.gone(self._clock.now() - GRACE)
        await asyncio.to_thread(segments.remove, self._folder, gone)
        await self._manifest.forget(gone)

    async def _merge_later(self) -> None:
        """Merge in the background, one at a time; raise what the last merge raised."""
        if self._merging is not None:
            if not self._merging.done():
                return
            merging, self._merging = self._merging, None
            merging.result()
        self._merging = asyncio.create_task(self.merge(), name="merge-segments")

    async def merge(self) -> int:
        """Merge small segments of a day until none is worth it; return how many files are gone."""
        merged = 0
        async with self._merge_turn:
            while batch := self._worth((await self._manifest.snapshot()).segments):
                segment = await asyncio.to_thread(segments.merge, self._folder, batch)
                await self._manifest.merge(segment, tuple(s.file for s in batch))
                merged += len(batch)
            await self._clean()
        return merged

    def _worth(self, live: Sequence[Segment]) -> list[Segment]:
        """``merged_files`` small segments of one folder and one tier, oldest offsets first; empty when there are too few.

        A tier's segments are at most ``merged_files`` times as large as one another, so an event is rewritten once for each
        tier, not each time some more come.
        """
        tiers: dict[tuple[str, int], list[Segment]] = {}
        for segment in sorted(live, key=lambda s: s.first):
            tier = self._tier(segment.events)
            if tier:
                tiers.setdefault((segment.file.split("/")[0], tier), []).append(segment)
        return next((small[: self._merged_files] for small in tiers.values() if len(small) >= self._merged_files), [])

    def _tier(self, events: int) -> int:
        """0 when large enough to stay; then one more each time ``merged_files`` times as many would be needed."""
        tier = 0
        while events * self._merged_files <= self._merged_events:
            events, tier = events * self._merged_files, tier + 1
        return tier

    async def expire(self, before: Mapping[str, Micros]) -> int:
        """Drop segments whose newest event is older than allowed for every system in it; return events dropped."""
        async with self._turn, self._merge_turn:
            await self._own()
            old = tuple(s for s in (await self._manifest.snapshot()).segments if _expired(s, before))
            if old:
                await self._manifest.remove(old)
            await self._clean()
        return sum(s.events for s in old)

    async def close(self) -> None:
        """Write out what is held, end the merge, let go of the lock."""
        try:
            if self.held:
                await self.flush()
        finally:
            if self._merging is not None:
                self._merging.cancel()
                with contextlib.suppress(asyncio.CancelledError, BackboneError):
                    await self._merging
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None


def _expired(segment: Segment, before: Mapping[str, Micros]) -> bool:
    limits = [before.get(system, before.get("")) for system in segment.systems]
    return all(limit is not None and segment.kept < limit for limit in limits)
