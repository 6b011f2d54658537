"""A producer that loses nothing acknowledged, whatever the servers do."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, errors

from backbone.kafka_bus import KafkaBus
from backbone.kafka_cluster import Cluster
from backbone.kafka_topics import Topic, prepare
from backbone.ports import Record
from backbone.signals import MemorySignals
from model import BackboneError
from tests.backbone.kafka_house import fresh


async def read_all(bus: KafkaBus, topic: str) -> list[Record]:
    found: list[Record] = []
    while records := await bus.read(topic, found[-1].offset if found else 0, 10_000):
        found += records
    return found


def total(signals: MemorySignals, name: str) -> int:
    return sum(count for key, count in signals.counts.items() if key.partition("{")[0] == name)


@pytest.mark.slow
async def test_killed_server_loses_nothing_acknowledged(kafka_own: Any, prefix: str) -> None:
    """kill -9 of the broker in mid-production, five times: every acknowledged record is there, and once by id."""
    cluster = await fresh(kafka_own.bootstrap, prefix)
    signals = MemorySignals()
    bus = KafkaBus(cluster, signals, prefix=prefix)
    acknowledged: list[bytes] = []
    stop = asyncio.Event()

    async def produce(worker: int) -> None:
        n = 0
        while not stop.is_set():
            values = [b"%d.%d" % (worker, k) for k in range(n, n + 50)]
            await bus.append("events", [("k", v) for v in values])
            acknowledged.extend(values)
            n += 50

    workers = [asyncio.create_task(produce(w)) for w in range(4)]
    for _ in range(5):
        await asyncio.sleep(0.7)
        await asyncio.to_thread(kafka_own.kill)
        await asyncio.to_thread(kafka_own.start)
    stop.set()
    await asyncio.gather(*workers)
    values = [r.value for r in await read_all(bus, "events")]
    twice = len(values) - len(set(values))
    again = total(signals, "kafka_resent")
    print(f"{len(acknowledged)} acknowledged, {len(values)} stored, {twice} twice, {again} sent again")
    assert set(acknowledged) <= set(values)
    assert twice <= again
    await bus.close()


async def place_of(cluster: Cluster, topic: str, node: int) -> int:
    """A partition of ``topic`` that only ``node`` has."""
    producer = AIOKafkaProducer(**cluster.options())
    await producer.start()
    await producer.partitions_for(topic)
    found = [p for p in range(3) if producer.client.cluster.leader_for_partition(_tp(topic, p)) == node]
    await producer.stop()
    return found[0]


def _tp(topic: str, partition: int) -> Any:
    from aiokafka import TopicPartition

    return TopicPartition(topic, partition)


@pytest.mark.slow
async def test_a_partition_without_leader_does_not_break_the_producer(kafka_three: Any, prefix: str) -> None:
    """A partition without leader for longer than the request time-out: appends go on when it is back, and nothing is lost.

    aiokafka's own producer stays broken there (aio-libs/aiokafka #1017), which this test shows first.
    """
    cluster = Cluster(tuple(kafka_three.bootstrap.split(",")))
    await prepare(cluster, [Topic(f"{prefix}events", partitions=3, replication=1, in_sync=1)])
    place = await place_of(cluster, f"{prefix}events", 3)
    key = next(k for k in map(str, range(99)) if KafkaBus(cluster, MemorySignals())._partitioner.place(k.encode(), 3) == place)
    bare = AIOKafkaProducer(**cluster.options(), enable_idempotence=True, request_timeout_ms=3_000)
    await bare.start()
    signals = MemorySignals()
    bus = KafkaBus(cluster, signals, prefix=prefix, partition=place, request=3.0, patience=90.0)
    await bus.append("events", [(key, b"before")])
    await bare.send_and_wait(f"{prefix}events", b"bare", partition=place)
    await asyncio.to_thread(kafka_three.kill, 3)
    appending = asyncio.create_task(bus.append("events", [(key, b"during")]))
    with pytest.raises(errors.KafkaError):
        for _ in range(3):
            await bare.send_and_wait(f"{prefix}events", b"bare", partition=place)
    await asyncio.sleep(4)
    await asyncio.to_thread(kafka_three.start, 3)
    await appending
    for n in range(20):
        await bus.append("events", [(key, b"after %d" % n)])
    try:
        await bare.send_and_wait(f"{prefix}events", b"bare", partition=place)
        outcome = "recovered"
    except errors.KafkaError as error:
        outcome = type(error).__name__
    values = [r.value for r in await read_all(bus, "events") if r.value != b"bare"]
    print(f"aiokafka's own producer: {outcome}; ours renewed {signals.counts}")
    assert list(dict.fromkeys(values)) == [b"before", b"during", *(b"after %d" % n for n in range(20))]
    assert total(signals, "kafka_producers_renewed") >= 1
    assert signals.counts["kafka_outages"] == 1
    await bare.stop()
    await bus.close()


@pytest.mark.slow
async def test_kafka_away_is_said_once(kafka_own: Any, prefix: str) -> None:
    """With every server gone an append waits, gives up after its patience with one sentence, and works when they are back."""
    cluster = await fresh(kafka_own.bootstrap, prefix)
    signals = MemorySignals()
    bus = KafkaBus(cluster, signals, prefix=prefix, patience=3.0)
    await bus.append("events", [("k", b"a")])
    assert len(await bus.read("events", 0, 9)) == 1
    await asyncio.to_thread(kafka_own.kill)
    began = time.monotonic()
    with pytest.raises(BackboneError, match="refuses connections"):
        await bus.append("events", [("k", b"b")])
    assert 2.5 < time.monotonic() - began < 15
    with pytest.raises(BackboneError, match="refuses connections"):
        for _ in range(20):
            await bus.read("events", 1, 9, 2.0)
    assert (signals.counts["kafka_outages"], signals.levels["kafka_away"]) == (1, 1)
    await asyncio.to_thread(kafka_own.start)
    await bus.append("events", [("k", b"c")])
    assert [r.value for r in await read_all(bus, "events")][-1] == b"c"
    assert signals.levels["kafka_away"] == 0
    await bus.close()
