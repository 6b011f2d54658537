"""A partition is worked on by one process at a time, and by another when that one goes, however it goes."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from backbone.kafka_cluster import Cluster
from backbone.kafka_owner import Owner
from backbone.kafka_topics import Topic, prepare
from backbone.signals import MemorySignals

PARTITIONS = 3


class Worked:
    """Who works on what, and whether two ever did at once."""

    def __init__(self) -> None:
        self.now: Counter[int] = Counter()
        self.by: dict[int, str] = {}
        self.most = 0
        self.starts = 0

    def work_of(self, name: str, linger: float = 0.05) -> Any:
        async def work(partition: int, stop: asyncio.Event) -> None:
            self.now[partition] += 1
            self.starts += 1
            self.by[partition] = name
            self.most = max(self.most, *self.now.values())
            try:
                await stop.wait()
                await asyncio.sleep(linger)  # what is in hand is made durable
            finally:
                self.now[partition] -= 1

        return work

    def shares(self) -> dict[str, int]:
        return dict(Counter(self.by[p] for p, n in self.now.items() if n))


class Member:
    """An Owner in a task."""

    def __init__(self, cluster: Cluster, prefix: str, work: Any) -> None:
        self.owner = Owner(cluster, MemorySignals(), topic="events", group="correlate", work=work, prefix=prefix, session=6)
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.owner.run(self.stop))

    async def leave(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, 20)


@pytest.fixture
async def topic(kafka: Any, prefix: str) -> tuple[Cluster, str]:
    cluster = Cluster((kafka.bootstrap,))
    await prepare(cluster, [Topic(f"{prefix}events", partitions=PARTITIONS, replication=1, in_sync=1)])
    return cluster, prefix


async def until(true: Any, limit: float = 30.0) -> None:
    async with asyncio.timeout(limit):
        while not true():
            await asyncio.sleep(0.05)


async def test_members_share_and_take_over(topic: tuple[Cluster, str]) -> None:
    """One has all; a second gets its share after the first has stopped that work; when one leaves the other has all again."""
    worked = Worked()
    one = Member(*topic, worked.work_of("one"))
    await until(lambda: worked.shares() == {"one": 3})
    assert one.owner.owned == (0, 1, 2)
    two = Member(*topic, worked.work_of("two"))
    await until(lambda: sorted(worked.shares().values()) == [1, 2])
    await one.leave()
    await until(lambda: worked.shares() == {"two": 3})
    await two.leave()
    assert worked.most == 1 and sum(worked.now.values()) == 0


async def test_a_member_that_is_not_heard_from_loses_its_partitions(topic: tuple[Cluster, str]) -> None:
    """No farewell, as after a kill: the session ends, and another goes on."""
    worked = Worked()
    one = Member(*topic, worked.work_of("one"))
    await until(lambda: worked.shares() == {"one": 3})
    two = Member(*topic, worked.work_of("two"))
    await until(lambda: len(worked.shares()) == 2)
    # Its heartbeats end; its work is cut off as by kill -9, so that it is no longer counted.
    coordinator = one.owner._consumer._coordinator
    coordinator._closing.cancel()
    for task in (coordinator._coordination_task, coordinator._heartbeat_task):
        if task is not None:
            task.cancel()
    for task, _ in one.owner._running.values():
        task.cancel()
    await until(lambda: worked.shares() == {"two": 3}, 40)
    await two.leave()
    one.task.cancel()
    await asyncio.gather(one.task, return_exceptions=True)


async def test_what_the_work_raises_ends_the_member(topic: tuple[Cluster, str]) -> None:
    """So that its loop is started again, with backoff, and the reason is told."""

    async def work(partition: int, stop: asyncio.Event) -> None:
        await asyncio.sleep(0.1)
        raise ValueError(f"partition {partition}")

    with pytest.raises(ValueError, match="partition"):
        await asyncio.wait_for(Member(*topic, work).task, 30)
