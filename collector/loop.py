"""Makes what sources read durable: RawRecord → Event → topic ``events``, with the sources' checkpoints in the same commit.

One worker merges everything that waits into one append (group commit). ``take`` returns once that is durable; ``offer``
never waits. Records the normaliser holds back (multi-record events) are saved as checkpoint ``assembly`` in the same commit;
when a commit is refused the normaliser is put back to what was saved, so that a second try starts from the same state.

Signals: collector_records{source,format}, collector_bytes{source}, collector_unparsed{source}, collector_crashed{source},
collector_truncated{source}, collector_dropped{source,reason}, collector_commit (s), collector_lag (s, oldest record of a
commit), collector_commit_errors{reason}, levels collector_queue_bytes, collector_queue_records, collector_full (0 or 1).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from backbone.codec import encode_event
from backbone.ports import Clock, Journal
from backbone.signals import Signals
from collector.intake_batch import Batch, Understanding
from collector.intake_queue import Entry, Queue
from collector.sources.source import pause
from model import BackboneError, Event, FullError, RawRecord

TOPIC: Final = "events"
ASSEMBLY: Final = "assembly"
_SLICE: Final = 500  # records understood between two looks at the event loop
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0
_LAST_CHANCE: Final = 3.0
_LONGEST_LINGER: Final = 6.5
_SAY_AGAIN: Final = 10.0

_log = structlog.get_logger()


class Intake:
    """The door of the house. One instance a process; ``run`` may be called again after a crash, nothing queued is lost.

    ``queue_bytes``/``queue_records`` bound what waits and is in hand; ``commit_records``/``commit_bytes`` bound one commit.
    ``tick`` is seconds between looks at held records. After ``stop``, ``run`` goes on until nothing came for ``linger`` seconds,
    so that sources told to stop at the same moment can still hand over what they read.
    """

    def __init__(
        self,
        *,
        bus: Journal,
        understanding: Understanding,
        signals: Signals,
        clock: Clock,
        queue_bytes: int = 32 << 20,
        queue_records: int = 200_000,
        commit_records: int = 5_000,
        commit_bytes: int = 8 << 20,
        tick: float = 1.0,
        linger: float = 0.3,
        encode: Callable[[Event], bytes] = encode_event,
    ) -> None:
        self._bus = bus
        self._encode = encode
        self._understanding = understanding
        self._signals = signals
        self._clock = clock
        self._queue = Queue(queue_bytes, queue_records)
        self._commit_records = commit_records
        self._commit_bytes = commit_bytes
        self._tick = tick
        self._linger = linger
        self._assembly = b""
        self._ticked = 0.0
        self._full = False
        self._stop = asyncio.Event()
        self._closed = False
        self._deadline = float("inf")
        self._dropping: dict[str, float] = {}

    async def take(self, records: Sequence[RawRecord], checkpoints: Mapping[str, bytes]) -> None:
        """Return once ``records`` (of one source) and ``checkpoints`` are durable, in one commit.

        FullError: no room in the backbone, nothing was stored: stop reading, try again later. BackboneError: the same, when
        the program is stopping. Waits while the queue is full.
        """
        if not records and not checkpoints:
            return
        entry = Entry(records, checkpoints, asyncio.get_running_loop().create_future())
        if not self._closed:
            await self._queue.put(entry)
        if self._closed:  # it may have closed while we waited for room
            raise BackboneError("The collector is stopping and takes no more records; send them again when it runs.")
        assert entry.done is not None  # noqa: S101
        await entry.done

    def offer(self, records: Sequence[RawRecord]) -> int:
        """Accept as many of ``records`` (of one source) as fit in the queue now; the others are dropped and counted."""
        if not records:
            return 0
        entry = Entry(records, {})
        accepted = len(records)
        if self._closed:
            accepted = 0
        elif not self._queue.fits(entry.size, len(records)):
            accepted = self._queue.prefix(records)
            entry = Entry(records[:accepted], {})
        if accepted:
            self._queue.add(entry)
        if accepted < len(records):
            self._drop(records[0].source, "closed" if self._closed else "queue", len(records) - accepted)
        return accepted

    async def run(self, stop: asyncio.Event) -> None:
        """Commit what comes until ``stop``, then what is left. Raises what the bus raises beyond BackboneError."""
        self._stop, self._closed, self._deadline = stop, False, float("inf")
        self._assembly = await self._bus.checkpoint(ASSEMBLY) or b""
        self._understanding.restore(self._assembly)
        self._ticked = time.monotonic()
        waking = asyncio.ensure_future(stop.wait())
        waking.add_done_callback(lambda _: self._queue.arrived.set())
        try:
            while await self._work_waits():
                await self._step()
            self._closed = True
        finally:
            waking.cancel()

    async def _work_waits(self) -> bool:
        """Wait for entries or the next tick. False when stopping and nothing came for a while."""
        stopping, now = self._stop.is_set(), time.monotonic()
        if stopping:
            self._deadline = min(self._deadline, now + _LONGEST_LINGER)
            self._closed = now >= self._deadline  # sources that do not stop are not waited for
        if self._queue:
            return True
        self._queue.arrived.clear()
        left = self._linger if stopping else self._ticked + self._tick - now
        if left > 0 and not self._closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._queue.arrived.wait()
        return bool(self._queue) or not stopping

    async def _step(self) -> None:
        """One commit of what waits."""
        entries = self._queue.next(self._commit_records, self._commit_bytes)
        try:
            await self._commit(entries)
        except BackboneError as error:
            self._understanding.restore(self._assembly)
            await self._refuse(entries, error)
        except BaseException:  # a crash: whoever restarts us finds everything as it was
            self._queue.put_back(entries)
            raise

    async def _commit(self, entries: list[Entry]) -> None:
        batch, checkpoints = Batch(self._encode), dict[str, bytes]()
        since = 0
        for entry in entries:
            for at in range(0, len(entry.records), _SLICE):
                part = entry.records[at : at + _SLICE]
                batch.understand(part, self._understanding)
                since += len(part)
                if since >= _SLICE:
                    since = 0
                    await asyncio.sleep(0)
            checkpoints.update(entry.checkpoints)
        if time.monotonic() - self._ticked >= self._tick:
            self._ticked = time.monotonic()
            batch.add(self._understanding.tick(self._clock.now()))
        state = self._understanding.pending()
        if state != self._assembly:
            checkpoints[ASSEMBLY] = state
        if batch.events or checkpoints:
            started = time.monotonic()
            await self._append(batch, checkpoints)
            self._signals.took("collector_commit", time.monotonic() - started)
            self._assembly = state
        self._settle(entries, batch)

    async def _append(self, batch: Batch, checkpoints: Mapping[str, bytes]) -> None:
        """Until it is durable; FullError, or any BackboneError that outlasts the stop, is the caller's."""
        wait, deadline = _FIRST_WAIT, float("inf")
        while True:
            try:
                await self._bus.append(TOPIC, batch.events, checkpoints)
                return
            except FullError:
                raise
            except BackboneError as error:
                self._signals.count("collector_commit_errors", reason="failed")
                _log.error("commit_failed", events=len(batch.events), retry_in=wait, error=str(error))
                if self._stop.is_set():
                    deadline = min(deadline, time.monotonic() + _LAST_CHANCE)
                if time.monotonic() >= deadline:
                    raise
            if self._stop.is_set():
                await asyncio.sleep(min(wait, 0.5))
            else:
                await pause(self._stop, wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _settle(self, entries: list[Entry], batch: Batch) -> None:
        """Everything is durable: tell who waits, give back room, count."""
        for entry in entries:
            self._queue.release(entry)
            if entry.done and not entry.done.done():
                entry.done.set_result(None)
        batch.count(entries, self._signals)
        oldest = min((e.records[0].received_at for e in entries if e.records), default=None)
        if oldest is not None:
            self._signals.took("collector_lag", max(0, self._clock.now() - oldest) / 1e6)
        # Nothing to append, or a checkpoint alone, is taken also while records are refused: it is no sign of room.
        self._levels(full=self._full and not batch.events)

    async def _refuse(self, entries: list[Entry], error: BackboneError) -> None:
        """Nothing was stored: takers hear it and try again; what was offered stays with us, for we said we have it."""
        kept = [e for e in entries if e.done is None]
        for entry in entries:
            if entry.done is None:
                continue
            self._queue.release(entry)
            if not entry.done.done():
                entry.done.set_exception(error)
        self._signals.count("collector_commit_errors", reason="full" if isinstance(error, FullError) else "stopping")
        if not self._full:
            _log.error("backbone_full", kept=sum(len(e.records) for e in kept), error=str(error))
        self._levels(full=True)
        if self._stop.is_set():
            for entry in kept:
                self._queue.release(entry)
                self._drop(entry.records[0].source, "stopping", len(entry.records))
            return
        self._queue.put_back(kept)
        await pause(self._stop, 1.0)

    def _levels(self, *, full: bool) -> None:
        if self._full and not full:
            _log.info("backbone_has_room")
        self._full = full
        self._signals.level("collector_full", float(full))
        self._signals.level("collector_queue_bytes", self._queue.bytes)
        self._signals.level("collector_queue_records", self._queue.records)

    def _drop(self, source: str, reason: str, amount: int) -> None:
        self._signals.count("collector_dropped", amount, source=source, reason=reason)
        now = time.monotonic()
        if now - self._dropping.get(source, -_SAY_AGAIN) >= _SAY_AGAIN:
            self._dropping[source] = now
            _log.warning("records_dropped", source=source, reason=reason, amount=amount, say_again_in=_SAY_AGAIN)
