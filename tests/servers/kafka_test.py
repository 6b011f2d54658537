"""The Kafka of the tests: it comes up, every way in works, and what it acknowledged outlives its death."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError

from tests.servers.kafka import Kafka


async def topic(client: dict[str, Any], name: str, copies: int = 1) -> str:
    admin = AIOKafkaAdminClient(**client)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=copies)])
        assert [error for _, error, *_ in answer.topic_errors] == [0], answer
    finally:
        await admin.close()
    return name


@contextlib.asynccontextmanager
async def producer(client: dict[str, Any]) -> AsyncIterator[AIOKafkaProducer]:
    one = AIOKafkaProducer(**client, acks="all", enable_idempotence=True)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


async def values(client: dict[str, Any], name: str, count: int) -> list[bytes]:
    """The first ``count`` values of a topic."""
    consumer = AIOKafkaConsumer(name, **client, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


def plain(kafka: Any) -> dict[str, Any]:
    return {"bootstrap_servers": kafka.bootstrap}


async def test_plain(kafka: Any, prefix: str) -> None:
    """A record sent is a record read."""
    name = await topic(plain(kafka), f"{prefix}a")
    async with producer(plain(kafka)) as one:
        await one.send_and_wait(name, b"first")
    assert await values(plain(kafka), name, 1) == [b"first"]


@pytest.mark.parametrize("way", ["tls", "mutual", "scram"])
async def test_secure(kafka_secure: Kafka, prefix: str, way: str) -> None:
    """A record goes in and out over TLS, with a client's certificate, with a password."""
    client = getattr(kafka_secure, way)()
    name = await topic(client, f"{prefix}a")
    async with producer(client) as one:
        await one.send_and_wait(name, way.encode())
    assert await values(client, name, 1) == [way.encode()]


@pytest.mark.parametrize("wrong", ["password", "certificate", "authority"])
async def test_closed_doors(kafka_secure: Kafka, wrong: str) -> None:
    """A wrong password, no certificate where one is asked for, an unknown authority: nobody gets in."""
    if wrong == "password":
        client = kafka_secure.scram() | {"sasl_plain_password": "guessed"}
    elif wrong == "certificate":
        client = kafka_secure.tls() | {"bootstrap_servers": kafka_secure.mutual()["bootstrap_servers"]}
    else:
        client = kafka_secure.tls() | {"ssl_context": ssl.create_default_context()}
    one = AIOKafkaProducer(**client)
    with pytest.raises(Exception, match=r"Unable to bootstrap|Authentication failed|SASL"):
        await one.start()
    await one.stop()


@pytest.mark.slow
async def test_expired_certificate(make_kafka: Callable[..., Kafka], caplog: pytest.LogCaptureFixture) -> None:
    """``valid_days`` below 0: the broker comes up and no client trusts it, because its certificate has expired."""
    kafka = make_kafka(valid_days=-1)
    kafka.start()
    caplog.set_level(logging.DEBUG, logger="aiokafka")  # our own adapters keep it quiet
    one = AIOKafkaProducer(**kafka.tls())
    with pytest.raises(KafkaConnectionError):
        await one.start()
    await one.stop()
    assert "certificate has expired" in caplog.text


@pytest.mark.slow
async def test_killed_broker_keeps_what_it_acknowledged(kafka_own: Kafka, prefix: str) -> None:
    """kill -9 right after the acknowledgement, start on the same data: the record is there, and the next one goes in."""
    name = await topic(plain(kafka_own), f"{prefix}a")
    async with producer(plain(kafka_own)) as one:
        await one.send_and_wait(name, b"before")
        kafka_own.kill()
        assert kafka_own.alive() == []
        kafka_own.start()
        await one.send_and_wait(name, b"after")
    assert await values(plain(kafka_own), name, 2) == [b"before", b"after"]


@pytest.mark.slow
async def test_paused_broker_goes_on(kafka_own: Kafka, prefix: str) -> None:
    """While it is paused nothing is acknowledged; afterwards the same record is."""
    name = await topic(plain(kafka_own), f"{prefix}a")
    async with producer(plain(kafka_own)) as one:
        await one.send_and_wait(name, b"first")
        kafka_own.pause()
        sent = await one.send(name, b"second")
        done, _ = await asyncio.wait([sent], timeout=1.0)
        assert not done
        kafka_own.go_on()
        await asyncio.wait_for(sent, 30)
    assert await values(plain(kafka_own), name, 2) == [b"first", b"second"]


@pytest.mark.slow
@pytest.mark.parametrize("dead", [1, 2, 3])
async def test_three_nodes_bear_one_dead(kafka_three: Kafka, prefix: str, dead: int) -> None:
    """Whichever of three is killed, records with acks=all go in and out, and it comes back into all replicas."""
    name = await topic(plain(kafka_three), f"{prefix}a", copies=3)
    async with producer(plain(kafka_three)) as one:
        await one.send_and_wait(name, b"three")
        kafka_three.kill(dead)
        assert kafka_three.alive() == [n for n in (1, 2, 3) if n != dead]
        await one.send_and_wait(name, b"two")
        assert await values(plain(kafka_three), name, 2) == [b"three", b"two"]
        kafka_three.start(dead)
        await one.send_and_wait(name, b"three again")
    assert (await values(plain(kafka_three), name, 3))[-1] == b"three again"
