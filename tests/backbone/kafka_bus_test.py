"""What only KafkaBus promises: partitions by key, marks of transactions, what retention dropped, records too long."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from backbone.clock import SystemClock
from backbone.codec import SCHEMA
from backbone.kafka_bus import KafkaBus
from backbone.kafka_state import KafkaState
from backbone.ports import Commit
from backbone.signals import MemorySignals
from model import BackboneError, CorruptError, FullError
from tests.backbone.kafka_house import fresh


async def test_a_key_stays_in_its_partition(kafka: Any, prefix: str) -> None:
    """Keys go where Kafka's own partitioner puts them, every bus reads its partition alone, and nothing is lost between."""
    cluster = await fresh(kafka.bootstrap, prefix, partitions=3)
    buses = [KafkaBus(cluster, MemorySignals(), prefix=prefix, partition=n) for n in range(3)]
    await buses[0].append("events", [(f"nguồn{n % 11}", b"%d" % n) for n in range(3_000)])
    read = [await bus.read("events", 0, 10_000) for bus in buses]
    producer = AIOKafkaProducer(**cluster.options())
    await producer.start()
    for place, records in enumerate(read):
        assert [r.offset for r in records] == list(range(1, len(records) + 1))
        for key in {r.key for r in records}:
            values = [int(r.value) for r in records if r.key == key]
            assert values == sorted(values)
            assert (await producer.send_and_wait(f"{prefix}out", b"", key.encode())).partition == place
    assert sorted(int(r.value) for records in read for r in records) == list(range(3_000))
    await producer.stop()
    for bus in buses:
        await bus.close()


async def test_records_are_readable_by_any_tool(kafka: Any, prefix: str) -> None:
    """One event is one record: its key, its value as given, the version of the schema in a header."""
    cluster = await fresh(kafka.bootstrap, prefix)
    bus = KafkaBus(cluster, MemorySignals(), prefix=prefix)
    await bus.append("events", [("k", b"value")])
    consumer = AIOKafkaConsumer(f"{prefix}events", **cluster.options(), auto_offset_reset="earliest")
    await consumer.start()
    record = await consumer.getone()
    assert (record.key, record.value, record.headers) == (b"k", b"value", (("schema", str(SCHEMA).encode()),))
    await consumer.stop()
    await bus.close()


async def test_marks_and_aborted_records_are_not_seen(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """The end is the newest committed record's offset, whatever marks and aborted records follow it."""
    cluster = await fresh(kafka.bootstrap, prefix)
    bus = KafkaBus(cluster, MemorySignals(), prefix=prefix)
    state = await KafkaState.open(cluster, MemorySignals(), SystemClock(), tmp_path / "copy.db", prefix=prefix)
    await state.commit(Commit(appends=(("out", "k", b"a"), ("out", "k", b"b"))))
    await asyncio.sleep(0.2)
    assert await bus.end("out") == 2
    producer = AIOKafkaProducer(**cluster.options(), transactional_id=f"{prefix}other")
    await producer.start()
    for _ in range(30):
        await producer.begin_transaction()
        await (await producer.send(f"{prefix}out", b"never"))
        await producer.abort_transaction()
    await producer.begin_transaction()
    await (await producer.send(f"{prefix}out", b"not yet"))
    assert await bus.end("out") == 2
    assert [r.value for r in await bus.read("out", 0, 9)] == [b"a", b"b"]
    assert await bus.read("out", 2, 9, 0.2) == []
    await producer.abort_transaction()
    await state.commit(Commit(appends=(("out", "k", b"c"),)))
    await asyncio.sleep(0.2)
    newest = (await bus.read("out", 2, 9))[-1]
    assert (newest.value, await bus.end("out")) == (b"c", newest.offset)
    await producer.stop()
    await state.close()
    await bus.close()


async def test_what_retention_dropped_is_said(kafka: Any, prefix: str) -> None:
    """A reader whose place was dropped hears both offsets and is never moved; a new one starts at what is left."""
    cluster = await fresh(kafka.bootstrap, prefix)
    signals = MemorySignals()
    bus = KafkaBus(cluster, signals, prefix=prefix)
    await bus.append("events", [("k", b"%d" % n) for n in range(10)])
    admin = AIOKafkaAdminClient(**cluster.options())
    await admin.start()
    await admin.delete_records({TopicPartition(f"{prefix}events", 0): RecordsToDelete(before_offset=6)})
    await admin.close()
    for _ in range(2):
        with pytest.raises(CorruptError, match=r"from offset 4 on, it begins at 7"):
            await bus.read("events", 3, 10)
    assert [r.offset for r in await bus.read("events", 6, 10)] == [7, 8, 9, 10]
    other = KafkaBus(cluster, signals, prefix=prefix)
    assert [r.offset for r in await other.read("events", 0, 10, 1.0) or await other.read("events", 0, 10)] == [7, 8, 9, 10]
    assert signals.counts[f"kafka_begins_later{{topic={prefix}events}}"] == 1
    for one in (bus, other):
        await one.close()


async def test_a_group_with_members_is_said(kafka: Any, prefix: str) -> None:
    """Kafka takes positions from outside only of a group without members; the sentence says so at once."""
    cluster = await fresh(kafka.bootstrap, prefix)
    bus = KafkaBus(cluster, MemorySignals(), prefix=prefix)
    member = AIOKafkaConsumer(f"{prefix}events", **cluster.options(), group_id=f"{prefix}match")
    await member.start()
    await member.getmany(timeout_ms=200)
    with pytest.raises(BackboneError, match="group of another name"):
        await bus.commit("match", "events", 3)
    await bus.commit("store", "events", 3)
    await member.stop()
    await bus.close()


async def test_too_long_a_record_is_refused_at_once(kafka: Any, prefix: str) -> None:
    """A record longer than the topic takes is a FullError that names it; nothing of the call is stored, the next goes on."""
    cluster = await fresh(kafka.bootstrap, prefix)
    bus = KafkaBus(cluster, MemorySignals(), prefix=prefix, max_record=10_000)
    with pytest.raises(FullError, match=r"20001 bytes \(key b'k'\)"):
        await bus.append("events", [("k", b"a"), ("k", b"x" * 20_000)])
    assert await bus.append("events", [("k", b"b")]) == 1
    await bus.close()
