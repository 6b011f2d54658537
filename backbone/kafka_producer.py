"""The plain producer: idempotent, acks=all, zstd; renewed when it broke, and what it did not finish sent again.

Why renewed: when a partition is without a leader for longer than the request time-out, aiokafka drops the batch but keeps the
sequence number it had used, and every later batch of that partition fails with OutOfOrderSequenceNumber (aio-libs/aiokafka
#1017). A new producer has a new id and starts at zero. What was sent but not acknowledged may then be there twice; ids of
events and alerts make that harmless, and ``kafka_resent`` counts it.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer, errors

from backbone import kafka_batches as batches
from backbone.kafka_batches import Row, Sent
from backbone.kafka_contact import REFUSALS, Contact

REQUEST: Final = 120.0
"""Seconds a batch may wait for a leader, and an acknowledgement may take."""
_log = structlog.get_logger()


class Producer:
    """Any number of senders at once. ``patience``: seconds after which BackboneError says that Kafka is away."""

    def __init__(self, contact: Contact, request: float = REQUEST) -> None:
        self._contact = contact
        self._request = request
        self._producer: Any = None
        self._renewing = asyncio.Lock()
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def _ready(self) -> Any:
        async with self._renewing:
            if self._producer is None:
                self._producer = await self._contact.insist("append", self._make, heals=False)
            return self._producer

    async def _make(self) -> Any:
        producer = AIOKafkaProducer(
            **self._contact.cluster.options(),
            enable_idempotence=True,
            acks="all",
            compression_type="zstd",
            max_batch_size=batches.BATCH,
            request_timeout_ms=int(self._request * 1000),
        )
        return await self._contact.cluster.start(producer)

    async def partitions(self, topic: str) -> int:
        """How many ``topic`` has."""

        async def ask() -> int:
            return await batches.partitions(await self._ready(), topic)

        return await self._contact.insist("append", ask, heals=False)

    async def send(self, topic: str, spread: Mapping[int, Sequence[Row]]) -> dict[int, int]:
        """All of ``spread`` durable; the offset after the last record in each partition. BackboneError: some may be, some not."""
        ends: dict[int, int] = {}
        left, wait, deadline = dict(spread), 0.1, time.monotonic() + self._contact.patience
        while left:
            producer = await self._ready()
            left, error = await self._round(producer, topic, left, ends, deadline)
            if error is None:
                self._contact.held()
                continue
            if isinstance(error, REFUSALS):
                await self._renew(producer, error)  # it counts the refused batch as sent
                raise await self._contact.refused(error, "append") from error
            self._contact.lost(error, "append")
            await self._renew(producer, error)
            if time.monotonic() > deadline:
                raise await self._contact.cluster.explain(error) from error
            self._contact.signals.count("kafka_resent", sum(len(rows) for rows in left.values()), topic=topic)
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
            wait = min(wait * 2, 5.0)
        return ends

    async def _round(
        self, producer: Any, topic: str, spread: Mapping[int, Sequence[Row]], ends: dict[int, int], deadline: float
    ) -> tuple[dict[int, Sequence[Row]], BaseException | None]:
        """Send once; (what was not acknowledged, why)."""
        sent: list[Sent] = []
        failure: BaseException | None = None
        try:
            async with asyncio.timeout_at(_at(deadline)):
                for partition, rows in spread.items():
                    await batches.send(producer, topic, partition, rows, sent, self._turns[topic, partition])
        except batches.BROKEN as error:
            failure = error
        if sent:
            await asyncio.wait([s.future for s in sent], timeout=max(1.0, deadline - time.monotonic()))
        left: dict[int, Sequence[Row]] = {}
        handed = dict.fromkeys(spread, 0)
        for one in sent:
            handed[one.partition] = one.end
            failed = _failed(one)
            if failed is None:
                ends[one.partition] = max(ends.get(one.partition, 0), one.future.result().offset + one.end - one.start)
            else:
                failure = failure or failed
                left[one.partition] = [*left.get(one.partition, ()), *spread[one.partition][one.start : one.end]]
        for partition, rows in spread.items():
            if handed[partition] < len(rows):
                left[partition] = [*left.get(partition, ()), *rows[handed[partition] :]]
        return left, failure

    async def _renew(self, broken: Any, error: BaseException) -> None:
        """Another producer in the place of ``broken``, once for all senders that saw it break."""
        async with self._renewing:
            if self._producer is not broken:
                return
            self._producer = None
            self._contact.signals.count("kafka_producers_renewed", why=type(error).__name__)
            _log.warning("kafka_producer_renewed", why=f"{type(error).__name__}: {error}"[:200])
            await batches.discard(broken)

    async def close(self) -> None:
        if self._producer is not None:
            await batches.discard(self._producer)
            self._producer = None


def _at(deadline: float) -> float:
    return asyncio.get_running_loop().time() + max(1.0, deadline - time.monotonic())


def _failed(sent: Sent) -> BaseException | None:
    failed: BaseException | None = errors.KafkaTimeoutError("no acknowledgement in time")
    if sent.future.done():
        failed = sent.future.exception()
    return failed
