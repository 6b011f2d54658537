"""One partition of a topic, read by committed records only, from wherever the caller is."""

import asyncio
import contextlib
import time
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from backbone.kafka_cluster import shut
from backbone.kafka_contact import REFUSALS, Contact
from model import BackboneError, CorruptError

FETCH: Final = 4 << 20
"""Bytes fetched ahead of the reader, compressed; a longer batch comes whole."""
_LOOK: Final = 5.0
"""Seconds without a record after which we ask whether Kafka is there."""
_ONE_ASK: Final = 3.0
_BEFORE: Final = (1, 16, 256, 4096, 65536)
_log = structlog.get_logger()


class Reader:
    """Belongs to one event loop, one caller at a time. Offsets here are Kafka's own, from 0."""

    def __init__(self, contact: Contact, topic: str, partition: int) -> None:
        self.place = TopicPartition(topic, partition)
        self._contact = contact
        self._consumer: Any = None
        self._tail: Any = None
        self._next = -1
        self._stable, self._newest = -1, 0
        self._lock = asyncio.Lock()
        self._tail_lock = asyncio.Lock()
        self._heard = time.monotonic()

    async def read(self, start: int, limit: int, wait: float) -> list[Any]:
        """Up to ``limit`` of aiokafka's ConsumerRecords from offset ``start`` on; with no ``wait`` all that are there now."""
        async with self._lock:
            if self._consumer is None:
                self._consumer = await self._contact.insist("read", lambda: self._open(500))
            if start != self._next:
                self._consumer.seek(self.place, start)
                self._next = start
            records = await self._take(limit, wait)
            if not records and wait <= 0:
                records = await self._rest(limit)
            if records:
                self._next = records[-1].offset + 1
                self._heard = time.monotonic()
                self._contact.held()
            elif time.monotonic() - self._heard > _LOOK:
                await self._look()
            return records

    async def _open(self, longest: int) -> Any:
        consumer = AIOKafkaConsumer(
            **self._contact.cluster.options(),
            enable_auto_commit=False,
            auto_offset_reset="none",  # never jump: what is gone is said
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH,
            fetch_max_bytes=FETCH,
            fetch_max_wait_ms=longest,
        )
        await self._contact.cluster.start(consumer)
        consumer.assign([self.place])
        consumer.pause(self.place)
        await self._known(consumer)
        consumer.seek(self.place, 0)
        if longest == 500:
            consumer.resume(self.place)
        return consumer

    async def _known(self, consumer: Any) -> None:
        if self.place.partition in (consumer.partitions_for_topic(self.place.topic) or ()):
            return
        await consumer.end_offsets([self.place])

    async def _take(self, limit: int, wait: float) -> list[Any]:
        try:
            found = await self._consumer.getmany(self.place, timeout_ms=int(wait * 1000), max_records=limit)
        except errors.OffsetOutOfRangeError:
            return await self._out_of_range(wait)
        except errors.CorruptRecordException as error:
            raise CorruptError(f"A batch of {self._name()} from offset {self._next} on is damaged ({error}).") from error
        except REFUSALS as error:
            raise await self._contact.refused(error, "read") from error
        except errors.KafkaError as error:
            self._contact.lost(error, "read")
            await asyncio.sleep(min(0.5, wait))
            return []
        return list(found.get(self.place, ()))

    async def _out_of_range(self, wait: float) -> list[Any]:
        """The place asked for is not in the log: not yet, or no more."""
        first = (await self._contact.insist("read", lambda: self._consumer.beginning_offsets([self.place])))[self.place]
        if self._next >= first:
            await asyncio.sleep(min(0.5, max(0.02, wait)))
            return []
        if self._next > 0:
            raise CorruptError(
                f"Kafka no longer has {self._name()} from offset {self._next + 1} on, it begins at {first + 1}: retention "
                "dropped what was never read; move the reader's cursor there knowing what is lost, and keep the topic longer."
            )
        # Who reads for the first time misses nothing it was promised.
        _log.warning("kafka_begins_later", topic=self.place.topic, partition=self.place.partition, first=first + 1)
        self._contact.signals.count("kafka_begins_later", topic=self.place.topic)
        self._consumer.seek(self.place, first)
        return []

    async def _rest(self, limit: int) -> list[Any]:
        """Fetch until there is a record, or nothing committed is left."""
        stable = await self._ask_stable(self._consumer)
        deadline = time.monotonic() + self._contact.patience
        while await self._consumer.position(self.place) < stable:
            if records := await self._take(limit, 0.2):
                return records
            if time.monotonic() > deadline:
                raise BackboneError(f"Kafka gives no records of {self._name()} though there are some; look at its log.")
        return []

    async def _look(self) -> None:
        """Nothing came for a while: is there nothing, or nobody? BackboneError when nobody for longer than patience."""
        try:
            async with asyncio.timeout(_ONE_ASK):
                await self._consumer.end_offsets([self.place])
        except (errors.KafkaError, OSError) as error:
            if self._contact.lost(error, "read") > self._contact.patience:
                raise await self._contact.cluster.explain(error) from error
        else:
            self._contact.held()
            self._heard = time.monotonic()

    async def _ask_stable(self, consumer: Any) -> int:
        """The first offset not committed yet."""
        found = await self._contact.insist("end", lambda: consumer.end_offsets([self.place]))
        return int(found[self.place])

    async def stable(self) -> int:
        """Everything below this offset is committed or void."""
        async with self._tail_lock:
            return await self._ask_stable(await self._opened_tail())

    async def newest(self) -> int:
        """Offset after the newest committed record, 0 when there never was one. Marks of transactions are no records."""
        async with self._tail_lock:
            tail = await self._opened_tail()
            stable = await self._ask_stable(tail)
            if stable != self._stable:
                self._newest = await self._search_back(tail, stable)
                self._stable = stable
            return self._newest

    async def _opened_tail(self) -> Any:
        if self._tail is None:
            self._tail = await self._contact.insist("end", lambda: self._open(10))
        return self._tail

    async def _search_back(self, tail: Any, stable: int) -> int:
        """The last record before ``stable``, looking back farther and farther over marks and aborted records."""
        first = (await self._contact.insist("end", lambda: tail.beginning_offsets([self.place])))[self.place]
        try:
            for back in _BEFORE:
                start = max(first, stable - back)
                if start < stable and (found := await self._last_between(tail, start, stable)):
                    return found
                if start == first:
                    return stable if first > 0 else 0
        finally:
            with contextlib.suppress(errors.KafkaError):
                tail.pause(self.place)
        return stable

    async def _last_between(self, tail: Any, start: int, stable: int) -> int:
        found, deadline = 0, time.monotonic() + self._contact.patience
        tail.seek(self.place, start)
        tail.resume(self.place)
        while await tail.position(self.place) < stable:
            got = (await tail.getmany(self.place, timeout_ms=200)).get(self.place, ())
            found = max([found, *(r.offset + 1 for r in got if r.offset < stable)])
            if time.monotonic() > deadline:
                raise BackboneError(f"Kafka gives no records at the end of {self._name()}; look at its log.")
        return found

    def _name(self) -> str:
        return f"{self.place.topic} (partition {self.place.partition})"

    async def close(self) -> None:
        for consumer in (self._consumer, self._tail):
            if consumer is not None:
                await shut(consumer)
        self._consumer = self._tail = None
