"""Topics are made when missing and checked when there; nothing is changed silently."""

import asyncio
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from backbone.kafka_cluster import Cluster
from backbone.kafka_topics import Topic, prepare
from model import ProblemsError


async def test_many_at_once_make_them_once(kafka: Any, prefix: str) -> None:
    """Eight processes that start together: each topic is made by one of them, and all find it as wanted."""
    events, state = f"{prefix}events", f"{prefix}state"
    wanted = [Topic(events, 3, 1, 1), Topic(state, 3, 1, 1, keep=0)]
    made = await asyncio.gather(*(prepare(Cluster((kafka.bootstrap,)), wanted) for _ in range(8)))
    assert sorted(name for some in made for name in some) == sorted([events, state])
    assert await prepare(Cluster((kafka.bootstrap,)), wanted) == []


async def test_every_difference_is_said_at_once(kafka: Any, prefix: str) -> None:
    """Partitions, clean-up, retention, time stamps: all that is not as wanted, each with its topic and what to do."""
    events, state = f"{prefix}events", f"{prefix}state"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(events, 2, 1, topic_configs={"retention.ms": "1000"}), NewTopic(state, 1, 1)])
    await admin.close()
    wanted = [Topic(events, 3, 3, 1), Topic(state, 1, 1, 1, keep=0)]
    with pytest.raises(ProblemsError) as caught:
        await prepare(Cluster((kafka.bootstrap,)), wanted)
    said = str(caught.value)
    for part in (
        f"topic {events}: it has 2 partitions, 3 are set",
        f"topic {events}: it has 1 replicas, 3 are set",
        f"topic {events}: its retention.ms is 1000, not 604800000",
        f"topic {state}: its cleanup.policy is delete, not compact",
        f"kafka-configs --alter --entity-type topics --entity-name {state} --add-config cleanup.policy=compact",
        f"topic {events}: its message.timestamp.type is CreateTime, not LogAppendTime",
    ):
        assert part in said


async def test_what_kafka_refuses_is_said(kafka: Any, prefix: str) -> None:
    """Unknown settings, impossible values, more replicas than servers, a bad name: one line each, and what to do."""
    events, state = f"{prefix}events", f"{prefix}state"
    wanted = [
        Topic(events, 1, 1, 1, settings={"retention.millis": "5"}),
        Topic(f"{events}2", 1, 1, 1, settings={"retention.ms": "soon"}),
        Topic(state, 1, 3, 2),
        Topic(f"{state} x", 1, 1, 1),
    ]
    with pytest.raises(ProblemsError) as caught:
        await prepare(Cluster((kafka.bootstrap,)), wanted)
    said = str(caught.value).splitlines()
    assert len(said) == 4
    assert "retention.millis" in said[0] and "correct its settings" in said[0]
    assert "retention.ms" in said[1]
    assert "run 3 servers" in said[2]
    assert "correct the prefix" in said[3]
    await prepare(Cluster((kafka.bootstrap,)), [Topic(events, 1, 1, 1)])
    with pytest.raises(ProblemsError, match=r"no topic setting 'retention\.millis'"):
        await prepare(Cluster((kafka.bootstrap,)), wanted[:1])
