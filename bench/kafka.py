"""Measures the Kafka adapters against bare aiokafka: `python -m bench.kafka HOST:PORT [EVENTS]`. Medians of three runs.

Each figure is per second of the clock, and CPU microseconds of this process alone (the broker's are its own).
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # the bare library is what we measure against

from backbone.clock import SystemClock
from backbone.codec import encode_event
from backbone.kafka_bus import KafkaBus
from backbone.kafka_cluster import Cluster
from backbone.kafka_state import KafkaState
from backbone.kafka_topics import Topic, prepare
from backbone.ports import Commit, Put
from backbone.signals import MemorySignals
from bench.store import events

Pairs = list[tuple[str, bytes]]


async def timed(what: str, count: int, step: Callable[[], Awaitable[None]]) -> None:
    rates, cpus = [], []
    for _ in range(3):
        began, cpu = time.perf_counter(), time.process_time()
        await step()
        rates.append(count / (time.perf_counter() - began))
        cpus.append((time.process_time() - cpu) / count * 1e6)
    print(f"{what:58} {statistics.median(rates):>10,.0f}/s {statistics.median(cpus):>8.1f} µs")


async def bare_append(cluster: Cluster, topic: str, pairs: Pairs) -> None:
    producer = AIOKafkaProducer(
        **cluster.options(), enable_idempotence=True, acks="all", compression_type="zstd", max_batch_size=131_072
    )
    await producer.start()

    async def step() -> None:
        waiting, batch = [], producer.create_batch()
        for key, value in pairs:
            if batch.append(timestamp=None, key=key.encode(), value=value) is None:
                waiting.append(await producer.send_batch(batch, topic, partition=0))
                batch = producer.create_batch()
                batch.append(timestamp=None, key=key.encode(), value=value)
        waiting.append(await producer.send_batch(batch, topic, partition=0))
        await asyncio.gather(*waiting)

    await timed("append: bare send_batch, one call", len(pairs), step)
    await producer.stop()


async def appends(cluster: Cluster, prefix: str, pairs: Pairs) -> None:
    bus = KafkaBus(cluster, MemorySignals(), prefix=prefix)
    for size in (250, 1_000, 5_000, len(pairs)):

        async def step(size: int = size) -> None:
            for at in range(0, len(pairs), size):
                await bus.append("events", pairs[at : at + size])

        await timed(f"append: KafkaBus, {size:,} a call, one after the other", len(pairs), step)

    async def four() -> None:
        async def one(start: int) -> None:
            for at in range(start, len(pairs), 4_000):
                await bus.append("events", pairs[at : at + 1_000])

        await asyncio.gather(*(one(start) for start in range(0, 4_000, 1_000)))

    await timed("append: KafkaBus, 1,000 a call, four callers", len(pairs), four)
    await bus.close()


async def reads(cluster: Cluster, prefix: str, count: int) -> None:
    place = TopicPartition(f"{prefix}events", 0)

    async def bare() -> None:
        consumer = AIOKafkaConsumer(**cluster.options(), max_partition_fetch_bytes=4 << 20, isolation_level="read_committed")
        await consumer.start()
        consumer.assign([place])
        consumer.seek(place, 0)
        seen = 0
        while seen < count:
            seen += len((await consumer.getmany(place, timeout_ms=500, max_records=1_000)).get(place, ()))
        await consumer.stop()

    await timed("read: bare getmany, 1,000 at once", count, bare)
    for size in (250, 1_000):

        async def step(size: int = size) -> None:
            bus, at = KafkaBus(cluster, MemorySignals(), prefix=prefix), 0
            while at < count:
                at = (await bus.read("events", at, size, 0.5))[-1].offset
            await bus.close()

        await timed(f"read: KafkaBus, {size:,} at once", count, step)


async def commits(cluster: Cluster, prefix: str, folder: Path) -> None:
    state = await KafkaState.open(cluster, MemorySignals(), SystemClock(), folder / "copy.db", prefix=prefix)
    value, done = b"x" * 400, 0

    async def many() -> None:
        for n in range(20):
            await state.commit(Commit(puts=tuple(Put("s", str(n * 1_000 + k), value) for k in range(1_000))))

    await timed("commit of 1,000 puts of 400 bytes (puts)", 20_000, many)

    async def few() -> None:
        nonlocal done
        for _ in range(100):
            done += 1
            await state.commit(
                Commit(puts=(Put("s", "a", value),), appends=(("out", "k", value),), cursors=(("g", "events", done),))
            )

    await timed("commit of one put, one record, one cursor (commits)", 100, few)
    await state.close()


async def measure(bootstrap: str, count: int) -> None:
    cluster, prefix = Cluster((bootstrap,)), f"bench-{uuid4().hex[:8]}."
    names = ("bare", "events", "out")
    await prepare(cluster, [*(Topic(prefix + name, 1, 1, 1) for name in names), Topic(f"{prefix}state", 1, 1, 1, keep=0)])
    pairs = [(f"source{n % 20}", encode_event(e.event)) for n, e in enumerate(events(count))]
    print(f"{count:,} events of {sum(len(v) for _, v in pairs) // count} bytes")
    await bare_append(cluster, f"{prefix}bare", pairs)
    await appends(cluster, prefix, pairs)
    await reads(cluster, prefix, count)
    with tempfile.TemporaryDirectory() as folder:
        await commits(cluster, prefix, Path(folder))


if __name__ == "__main__":
    uvloop.run(measure(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100_000))
