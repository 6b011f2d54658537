"""Committed offsets of a consumer group, read and written without being its member.

Kafka takes offsets from outside only while a group has no members. Whoever balances partitions among processes must therefore
be in a group of another name (``docs/decisions/kafka.md``).
"""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from backbone.kafka_cluster import shut
from backbone.kafka_contact import Contact


class Positions:
    """Positions of one group."""

    def __init__(self, contact: Contact, group: str) -> None:
        self._contact = contact
        self._group = group
        self._consumer: Any = None
        self._done: dict[TopicPartition, int] = {}
        self._lock = asyncio.Lock()

    async def read(self, place: TopicPartition) -> int:
        """Kafka's offset of the next record to read, 0 when never committed."""
        async with self._lock:
            consumer = await self._opened(place)
            found = await self._contact.insist("position", lambda: consumer.committed(place))
            self._done[place] = max(found or 0, self._done.get(place, 0))
            return self._done[place]

    async def write(self, place: TopicPartition, offset: int) -> None:
        """Commit ``offset`` unless the group is farther."""
        if place not in self._done:
            await self.read(place)
        async with self._lock:
            if offset <= self._done[place]:
                return
            consumer = await self._opened(place)
            await self._contact.insist("commit", lambda: consumer.commit({place: offset}))
            self._done[place] = max(offset, self._done[place])

    async def _opened(self, place: TopicPartition) -> Any:
        if self._consumer is None:
            self._consumer = await self._contact.insist("position", self._make)
        assigned = self._consumer.assignment()
        if place not in assigned:
            self._consumer.assign([*assigned, place])
            self._consumer.pause(*self._consumer.assignment())  # it never fetches
        return self._consumer

    async def _make(self) -> Any:
        consumer = AIOKafkaConsumer(
            **self._contact.cluster.options(), group_id=self._group, enable_auto_commit=False, auto_offset_reset="none"
        )
        return await self._contact.cluster.start(consumer)

    async def close(self) -> None:
        if self._consumer is not None:
            await shut(self._consumer)
            self._consumer = None
