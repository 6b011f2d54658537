"""One transactional producer: all records and offsets of a commit, or none. Whoever starts one fences the one before it."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition, errors

from backbone import kafka_batches as batches
from backbone.kafka_batches import Row, Sent
from backbone.kafka_contact import Contact
from model import BackboneError

LONGEST: Final = 30.0
"""Seconds a transaction may take; the servers abort one that is older than twice that, so that readers wait no longer."""
_ABORT: Final = 3.0
_BACKOFF_MS: Final = 20
"""Between tries. A transaction that follows another at once is told to wait for its marks: 100 ms would be its cost."""


class FencedError(BackboneError):
    """Another process has taken this partition over: this one must stop working on it."""


class UnknownError(Exception):
    """The transaction's outcome is not known; start again and look."""


class Transactions:
    """``name`` is the transactional id: one a partition of the input, so that its last owner alone can commit."""

    def __init__(self, contact: Contact, name: str) -> None:
        self._contact = contact
        self.name = name
        self._producer: Any = None

    async def start(self) -> None:
        """Become the owner: an unfinished transaction of the one before is undone, and it can do no other."""
        await self.stop()
        self._producer = await self._contact.insist("transaction", self._make)

    async def _make(self) -> Any:
        producer = AIOKafkaProducer(
            **self._contact.cluster.options(),
            transactional_id=self.name,
            transaction_timeout_ms=int(LONGEST * 2000),
            compression_type="zstd",
            max_batch_size=batches.BATCH,
            request_timeout_ms=int(LONGEST * 1000),
            retry_backoff_ms=_BACKOFF_MS,
        )
        return await self._contact.cluster.start(producer)

    async def partitions(self, topic: str) -> int:
        """How many ``topic`` has. BackboneError when it is not there."""
        return await self._contact.insist("transaction", lambda: batches.partitions(self._producer, topic), heals=False)

    async def run(
        self, rows: Mapping[TopicPartition, Sequence[Row]], offsets: Mapping[TopicPartition, int], group: str
    ) -> dict[TopicPartition, list[int]]:
        """Commit ``rows`` and ``group``'s ``offsets``; return every row's offset.

        FencedError: somebody else is the owner now. UnknownError: call ``start`` and look what is there.
        """
        try:
            async with asyncio.timeout(LONGEST):
                return await self._run(self._producer, rows, offsets, group)
        except batches.BROKEN as error:
            if self._fenced(error) or await self._abort():
                raise FencedError(
                    f"Another process has taken {self.name} over; this one stops. If this goes on, look for a second process "
                    "of this role and partition."
                ) from error
            self._contact.lost(error, "transaction")
            raise UnknownError(str(error) or type(error).__name__) from error

    async def _run(
        self, producer: Any, rows: Mapping[TopicPartition, Sequence[Row]], offsets: Mapping[TopicPartition, int], group: str
    ) -> dict[TopicPartition, list[int]]:
        sent: dict[TopicPartition, list[Sent]] = {}
        await producer.begin_transaction()
        for place, some in rows.items():
            await batches.send(producer, place.topic, place.partition, some, sent.setdefault(place, []))
        if offsets:
            await producer.send_offsets_to_transaction(dict(offsets), group)
        found: dict[TopicPartition, list[int]] = {}
        for place, pieces in sent.items():
            for piece in pieces:
                first = (await piece.future).offset
                found.setdefault(place, []).extend(range(first, first + piece.end - piece.start))
        await producer.commit_transaction()
        self._contact.held()
        return found

    async def _abort(self) -> bool:
        """Undo what is open; whether that shows that we are fenced."""
        try:
            async with asyncio.timeout(_ABORT):
                await self._producer.abort_transaction()
        except batches.BROKEN as error:
            return self._fenced(error)
        return False

    def _fenced(self, error: BaseException) -> bool:
        """aiokafka tells the sender's task, and whoever comes later only that its state is wrong."""
        if isinstance(error, errors.ProducerFenced | errors.InvalidProducerEpoch):
            return True
        task = self._producer._sender.sender_task
        return task is not None and task.done() and not task.cancelled() and isinstance(task.exception(), errors.ProducerFenced)

    async def stop(self) -> None:
        if self._producer is not None:
            with contextlib.suppress(*batches.BROKEN):
                await batches.discard(self._producer)
            self._producer = None
