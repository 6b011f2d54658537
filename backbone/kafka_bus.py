"""A Bus on Kafka: writes to all partitions of a topic, reads one of them by manual assignment, without being in a group.

An offset is Kafka's plus one; transactions leave gaps. Which process reads which partition is decided elsewhere; a loop sees
one partition as its whole topic. ``docs/decisions/kafka.md`` says why.
"""

from collections.abc import Sequence

from aiokafka import TopicPartition

from backbone import kafka_batches as batches
from backbone.kafka_cluster import Cluster
from backbone.kafka_contact import Contact
from backbone.kafka_positions import Positions
from backbone.kafka_producer import REQUEST, Producer
from backbone.kafka_reader import Reader
from backbone.kafka_topics import MAX_RECORD
from backbone.ports import Record
from backbone.signals import Signals


class KafkaBus:
    """``prefix`` stands before every topic and group name. The topics must be there (``kafka_topics.prepare``).

    ``patience``: seconds without Kafka after which a call raises BackboneError; ``request``: see Producer; ``max_record``: bytes
    of the longest record the topics take.
    """

    def __init__(
        self,
        cluster: Cluster,
        signals: Signals,
        *,
        prefix: str = "vonggac.",
        partition: int = 0,
        patience: float = 60.0,
        request: float = REQUEST,
        max_record: int = MAX_RECORD,
    ) -> None:
        self._contact = Contact(cluster, signals, patience)
        self._prefix, self._partition, self._max_record = prefix, partition, max_record
        self._producer = Producer(self._contact, request)
        self._partitioner = batches.Partitioner()
        self._readers: dict[str, Reader] = {}
        self._positions: dict[str, Positions] = {}

    async def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> int:
        """Append (key, value) pairs; return the last offset once all are durable.

        The key decides the partition (Kafka's murmur2). With several, the return is the last offset in this bus's own partition
        when some went there, else the greatest of the others': only a sign that something is durable. FullError: a record is
        longer than the topic takes, nothing was stored. BackboneError: Kafka stayed away; some may be stored, repeat all.
        """
        if not records:
            return await self.end(topic)
        name = self._prefix + topic
        rows = batches.pack(name, records, self._max_record)
        ends = await self._producer.send(name, self._partitioner.spread(rows, await self._producer.partitions(name)))
        return ends.get(self._partition) or max(ends.values())

    async def read(self, topic: str, after: int, limit: int, wait: float = 0.0) -> list[Record]:
        """As Bus. CorruptError when retention dropped records after ``after`` unread; BackboneError when Kafka stays away."""
        if limit <= 0:
            return []
        found = await self._reader(topic).read(after, limit, wait)
        return [
            Record(r.offset + 1, (r.key or b"").decode("utf-8", "surrogateescape"), r.value or b"", r.timestamp * 1000)
            for r in found
        ]

    async def end(self, topic: str) -> int:
        return await self._reader(topic).newest()

    async def position(self, group: str, topic: str) -> int:
        return await self._group(group).read(TopicPartition(self._prefix + topic, self._partition))

    async def commit(self, group: str, topic: str, offset: int) -> None:
        await self._group(group).write(TopicPartition(self._prefix + topic, self._partition), offset)

    def _reader(self, topic: str) -> Reader:
        if topic not in self._readers:
            self._readers[topic] = Reader(self._contact, self._prefix + topic, self._partition)
        return self._readers[topic]

    def _group(self, group: str) -> Positions:
        if group not in self._positions:
            self._positions[group] = Positions(self._contact, self._prefix + group)
        return self._positions[group]

    async def close(self) -> None:
        await self._producer.close()
        for reader in self._readers.values():
            await reader.close()
        for positions in self._positions.values():
            await positions.close()
