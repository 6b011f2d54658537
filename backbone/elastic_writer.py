"""The writing side: events become bulk bodies, several are on their way, in bounds; the offset moves over unbroken ground.

    write ─▶ batch being filled ─▶ on their way (at most ``in_flight``) ─▶ safe ─▶ offset kept in vonggac-progress-<namespace>

Whatever fails stays here and is sent again by the next call. A call that has to wait for room, or for everything, raises what
fails meanwhile, before it takes anything of its own.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from elasticsearch import ApiError, AsyncElasticsearch, ConflictError, NotFoundError, TransportError

from backbone.elastic_bulk import Batch, Delivery
from backbone.elastic_client import told
from backbone.elastic_document import Documents, streams
from backbone.ports import Stored

_SAY_EVERY: Final = 1.0
_CHECKED: Final = 1_000


class Writer:
    """Takes events in offset order. ``name`` is whose offset is kept ("" none: nothing is ignored, the bus knows).

    A body ends with ``bulk_events`` events or ``bulk_bytes`` bytes; memory is bounded by ``in_flight`` + 1 of them and one
    call's.
    """

    def __init__(
        self,
        client: AsyncElasticsearch,
        documents: Documents,
        delivery: Delivery,
        namespace: str,
        name: str,
        *,
        bulk_events: int,
        bulk_bytes: int,
        in_flight: int,
    ) -> None:
        self._client = client
        self._documents = documents
        self._delivery = delivery
        self._streams = streams(namespace)
        self.progress = f"vonggac-progress-{namespace}"
        self._name = name
        self._bulk_events, self._bulk_bytes, self._in_flight = bulk_events, bulk_bytes, in_flight
        self._turn = asyncio.Lock()
        self._batches: deque[Batch] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: Exception | None = None
        self._owned = False
        self._said = 0
        self._said_at = 0.0
        self._check_until = 0
        self.taken = 0
        self.durable = 0

    @property
    def named(self) -> bool:
        """Whether this store keeps its own offset."""
        return bool(self._name)

    @property
    def waiting(self) -> bool:
        """Whether events are here that are not yet safe in the cluster."""
        return bool(self._batches)

    async def write(self, events: Sequence[Stored]) -> int:
        async with self._turn:
            await self._own()
            await self._room()
            new = [s for s in events if s.offset > self.taken] if self._name else list(events)
            if new and new[0].offset <= self._check_until:
                missing = await self._missing(new)
                self._take(missing, new[-1].offset)
            else:
                self._take(new, new[-1].offset if new else 0)
            self._start()
            await asyncio.sleep(0)
            if self.durable > self._said and asyncio.get_running_loop().time() - self._said_at >= _SAY_EVERY:
                await self._say()
            return self.durable

    async def flush(self) -> int:
        async with self._turn:
            await self._own()
            await self._settle()
            await self._say()
            return self.durable

    def _take(self, events: Sequence[Stored], last: int) -> None:
        """Append to the batch being filled, beginning a new one whenever it is full."""
        for stored in events:
            if not self._batches or self._is_full(self._batches[-1]):
                self._batches.append(Batch())
            batch = self._batches[-1]
            self._documents.add(stored, batch.lines)
            batch.events.append(stored)
            batch.last = max(batch.last, stored.offset)
        self.taken = max(self.taken, last)
        if not self._batches:
            self.durable = self.taken

    def _is_full(self, batch: Batch) -> bool:
        return batch.sent or len(batch.events) >= self._bulk_events or len(batch.lines) >= self._bulk_bytes

    def _start(self, everything: bool = False) -> None:
        """Send full batches while there is room; the one being filled when nothing else is on its way, or all is asked for."""
        for batch in self._batches:
            if len(self._tasks) >= self._in_flight:
                return
            if not batch.sent and (self._is_full(batch) or not self._tasks or everything):
                batch.sent = True
                task = asyncio.create_task(self._deliver(batch), name="elastic-bulk")
                self._tasks.add(task)

    async def _deliver(self, batch: Batch) -> None:
        try:
            await self._delivery.send(batch)
            batch.done = True
        except Exception as error:
            batch.sent = False
            self._failure = error
            return
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._tasks.discard(task)
        while self._batches and self._batches[0].done:
            self.durable = max(self.durable, self._batches.popleft().last)
        if not self._batches:
            self.durable = max(self.durable, self.taken)
        if self._failure is None:
            self._start()

    async def _room(self) -> None:
        """Wait until another call's events may be taken; raise what fails meanwhile. What failed before is sent again."""
        self._failure = None
        while True:
            self._raise()
            self._start()
            if sum(self._is_full(batch) for batch in self._batches) < self._in_flight:
                return
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _settle(self) -> None:
        """Wait until everything taken is safe; raise what fails meanwhile."""
        self._failure = None
        while True:
            self._raise()
            self._start(everything=True)
            if not self._batches:
                return
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def _raise(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def _own(self) -> None:
        """See how far this store has come, and up to where an earlier run may have written without knowing that it had."""
        if self._owned:
            return
        try:
            self._said = self.taken = self.durable = await self.resume()
            await self._client.indices.refresh(index=self._streams)
            aggs = {"last": {"max": {"field": "vonggac.offset"}}}
            answer = await self._client.search(index=self._streams, size=0, aggs=aggs)
            self._check_until = int((answer.get("aggregations", {}).get("last", {}).get("value")) or 0)
        except (ApiError, TransportError) as error:
            raise told(error) from None
        self._owned = True

    async def resume(self) -> int:
        """The offset kept by an earlier run, 0 when none is."""
        if not self._name:
            return 0
        try:
            return int((await self._client.get(index=self.progress, id=self._name))["_source"]["offset"])
        except NotFoundError:
            return 0
        except (ApiError, TransportError) as error:
            raise told(error) from None

    async def _missing(self, events: Sequence[Stored]) -> list[Stored]:
        """Those of ``events`` the cluster does not have in any index of a stream (its own check covers only the newest one)."""
        found: set[str] = set()
        try:
            for start in range(0, len(events), _CHECKED):
                ids = [s.event.id for s in events[start : start + _CHECKED]]
                answer = await self._client.search(
                    index=self._streams, query={"ids": {"values": ids}}, size=len(ids), source=False, filter_path="hits.hits._id"
                )
                found |= {hit["_id"] for hit in answer.get("hits", {}).get("hits", [])}
        except (ApiError, TransportError) as error:
            raise told(error) from None
        return [s for s in events if s.event.id not in found]

    async def _say(self) -> None:
        """Keep the offset; an older one never replaces it."""
        self._said_at = asyncio.get_running_loop().time()
        if not self._name or self.durable <= self._said:
            return
        durable = self.durable
        document = {"offset": durable}
        try:
            await self._client.index(
                index=self.progress, id=self._name, document=document, version=durable, version_type="external"
            )
        except ConflictError:
            pass  # somebody was further already
        except (ApiError, TransportError) as error:
            raise told(error) from None
        self._said = durable

    async def close(self) -> None:
        """Make everything taken safe if the cluster lets us, then let go."""
        try:
            if self._batches:
                await self.flush()
            elif self._owned and self.durable > self._said:
                await self._say()
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
