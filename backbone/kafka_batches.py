"""Records into explicit batches, and batches onto Kafka: shared by the plain and the transactional producer.

``create_batch``/``send_batch`` cost a third of ``send`` (no future a record); one batch goes to one partition.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import errors
from aiokafka.errors import ProducerClosed
from aiokafka.partitioner import murmur2

from backbone.codec import SCHEMA
from model import FullError

BATCH: Final = 131_072
"""Bytes of a batch before compression (a longer record is a batch of its own)."""
HEADERS: Final = [("schema", str(SCHEMA).encode())]
Row = tuple[bytes, bytes | None, list[tuple[str, bytes]]]
"""A record as Kafka has it: key, value, headers. No value is a delete in a compacted topic. (A bare tuple: there are many.)"""

_OVERHEAD: Final = 128
_KEYS: Final = 20_000
_STOP: Final = 2.0
_METADATA: Final = 4.0


class Sent(NamedTuple):
    """Rows ``start`` to ``end`` of a partition's rows, on their way; ``future`` gives the offset of the first."""

    partition: int
    start: int
    end: int
    future: "asyncio.Future[Any]"


class Partitioner:
    """Kafka's own rule for keys (murmur2), remembered for the keys that come again and again."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[bytes, int], int] = OrderedDict()

    def place(self, key: bytes, partitions: int) -> int:
        if partitions == 1:
            return 0
        known = self._known.get((key, partitions))
        if known is None:
            known = self._known[key, partitions] = (murmur2(key) & 0x7FFFFFFF) % partitions
            if len(self._known) > _KEYS:
                self._known.popitem(last=False)
        return known

    def spread(self, rows: Iterable[Row], partitions: int) -> dict[int, list[Row]]:
        """Rows by partition, each in order."""
        if partitions == 1:
            return {0: list(rows)}
        spread: dict[int, list[Row]] = {}
        for row in rows:
            spread.setdefault(self.place(row[0], partitions), []).append(row)
        return spread


def pack(topic: str, records: Iterable[tuple[str, bytes]], most: int) -> list[Row]:
    """Rows of ``records``; FullError as ``require_fit``."""
    keys: dict[str, bytes] = {}
    rows: list[Row] = []
    for key, value in records:
        name = keys.get(key)
        if name is None:
            name = keys[key] = key.encode("utf-8", "surrogateescape")
        rows.append((name, value, HEADERS))
    require_fit(topic, rows, most)
    return rows


def require_fit(topic: str, rows: Iterable[Row], most: int) -> None:
    """FullError for a record of more than ``most`` bytes, which Kafka would refuse for ever."""
    for key, value, _ in rows:
        size = len(key) + len(value or b"")
        if size + _OVERHEAD > most:
            raise FullError(
                f"A record of {size} bytes (key {key[:80]!r}) is longer than topic {topic} takes ({most}); raise the "
                "topic's max_record, or shorten it. Nothing was stored."
            )


async def send(
    producer: Any, topic: str, partition: int, rows: Sequence[Row], sent: list[Sent], turn: asyncio.Lock | None = None
) -> None:
    """Hand ``rows`` to ``producer`` in batches; each is added to ``sent`` as soon as it is on its way.

    ``turn``: of senders at once to one partition. aiokafka 0.14 counts the time of all waiters against each of them, so that
    a few of them time out in seconds where 120 were given.
    """
    start = 0
    while start < len(rows):
        batch, end = producer.create_batch(), start
        append = batch.append
        while end < len(rows):
            key, value, headers = rows[end]
            if append(timestamp=None, key=key, value=value, headers=headers) is None:
                break
            end += 1
        batch.close()
        async with turn or contextlib.nullcontext():
            future = asyncio.ensure_future(await producer.send_batch(batch, topic, partition=partition))
        future.add_done_callback(_seen)
        sent.append(Sent(partition, start, end, future))
        start = end


def _seen(future: "asyncio.Future[Any]") -> None:
    """Take note of a failure nobody may wait for any more."""
    if not future.cancelled():
        future.exception()


async def partitions(producer: Any, topic: str) -> int:
    """How many ``topic`` has; UnknownTopicOrPartitionError when the cluster answers and has it not."""
    try:
        async with asyncio.timeout(_METADATA):
            return len(await producer.partitions_for(topic))
    except TimeoutError:
        if topic in (await producer.client.fetch_all_metadata()).topics():
            raise
        raise errors.UnknownTopicOrPartitionError(topic) from None


async def discard(producer: Any) -> None:
    """End a producer without sending what it still holds: its own ``stop`` waits for ever for a server that is away."""
    producer._message_accumulator.fail_all(ProducerClosed())
    for batches in (*producer._message_accumulator._batches.values(), producer._message_accumulator._pending_batches):
        for batch in batches:
            _seen(batch.future)
            if batch._drain_waiter.done():
                _seen(batch._drain_waiter)
    task = producer._sender.sender_task
    if task is not None:
        task.cancel()
    stopping = asyncio.ensure_future(producer.stop())
    stopping.add_done_callback(_seen)
    done, _ = await asyncio.wait([stopping], timeout=_STOP)
    if not done:
        stopping.cancel()
        await asyncio.wait([asyncio.ensure_future(producer.client.close())], timeout=_STOP)


BROKEN: Final = (errors.KafkaError, OSError, AssertionError)
"""What a producer raises when it, or its cluster, is not well. (aiokafka asserts its own states.)"""
