"""The adapters of a house on many machines, made from the settings: Kafka, Elasticsearch.

The topics: ``events``, ``alerts``, ``incidents`` and ``dead-letters`` carry what happens; ``correlate`` and ``notify`` are the
state of these roles, compacted; ``forward.<id>`` is how far one collector's log is forwarded. ``events`` has one partition:
correlation by user or address needs a second topic, keyed by them, before it can have more.
"""

import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator

from backbone.elastic_client import Access
from backbone.elastic_store import ElasticEvents
from backbone.kafka_bus import KafkaBus
from backbone.kafka_cluster import Cluster
from backbone.kafka_owner import Owner, Work
from backbone.kafka_state import KafkaState
from backbone.kafka_topics import Topic, prepare
from backbone.kafka_view import KafkaView
from backbone.ports import Clock
from backbone.signals import Signals
from collector.ecs import Tables, to_document
from daemon import keys
from daemon.ecs import load_tables
from daemon.load import Configuration
from daemon.settings import Distributed
from daemon.shipped import shipped
from model import ConfigError, Micros

CARRIED = ("events", "alerts", "incidents", "dead-letters")
STATES = ("correlate", "notify")


def wanted(configuration: Configuration) -> Distributed:
    """The section `distributed`. ConfigError when it is not there."""
    found = configuration.settings.distributed
    if found is None:
        raise ConfigError(f"{configuration.file}: section `distributed` is missing")
    return found


def cluster(configuration: Configuration) -> Cluster:
    """How to reach Kafka. ConfigError when a file is missing."""
    kafka = wanted(configuration).kafka
    ca, certificate, key = (configuration.path(name) if name else None for name in (kafka.ca, kafka.certificate, kafka.key))
    return Cluster(
        servers=tuple(kafka.servers),
        tls=kafka.tls,
        ca=ca,
        certificate=certificate,
        key=key,
        mechanism=kafka.mechanism,
        user=kafka.user,
        password=_password(configuration, kafka.password_file),
    )


def prefix(configuration: Configuration) -> str:
    return wanted(configuration).kafka.prefix


async def prepare_topics(configuration: Configuration, *more: str) -> None:
    """Make or check the topics, with ``more`` compacted ones."""
    kafka = wanted(configuration).kafka

    def topic(name: str, keep: Micros) -> Topic:
        return Topic(kafka.prefix + name, partitions=1, replication=kafka.replication, in_sync=kafka.in_sync, keep=keep)

    carried = [topic(name, kafka.keep) for name in CARRIED]
    await prepare(cluster(configuration), carried + [topic(name, 0) for name in (*STATES, *more)])


def owner(configuration: Configuration, signals: Signals, topic: str, group: str, work: Work) -> Owner:
    """The loop that does ``work`` on the partitions of ``topic`` that are ours."""
    # The installation's name: a role that was killed goes on at its next start, without waiting for its session to end.
    member = hashlib.blake2b(f"{socket.gethostname()}:{configuration.home}".encode(), digest_size=8).hexdigest()
    return Owner(
        cluster(configuration), signals, topic=topic, group=group, work=work, prefix=prefix(configuration), member=member
    )


@contextlib.asynccontextmanager
async def bus(configuration: Configuration, signals: Signals, partition: int = 0) -> AsyncIterator[KafkaBus]:
    opened = KafkaBus(cluster(configuration), signals, prefix=prefix(configuration), partition=partition)
    try:
        yield opened
    finally:
        await opened.close()


@contextlib.asynccontextmanager
async def state(
    configuration: Configuration, clock: Clock, signals: Signals, topic: str, partition: int = 0
) -> AsyncIterator[KafkaState]:
    """The state of ``topic``, owned: whoever owned it before is fenced."""
    copy = keys.private_folder(configuration.home / "kafka") / f"{topic}-{partition}.db"
    opened = await KafkaState.open(
        cluster(configuration), signals, clock, copy, prefix=prefix(configuration), topic=topic, partition=partition
    )
    try:
        yield opened
    finally:
        await opened.close()


@contextlib.asynccontextmanager
async def view(configuration: Configuration, clock: Clock, signals: Signals, topic: str, reader: str) -> AsyncIterator[KafkaView]:
    """The state of ``topic``, followed; ``reader`` names the copy of this process."""
    copy = keys.private_folder(configuration.home / "kafka") / f"{topic}-{reader}.db"
    opened = await KafkaView.open(cluster(configuration), signals, clock, copy, prefix=prefix(configuration), topic=topic)
    try:
        yield opened
    finally:
        await opened.close()


@contextlib.asynccontextmanager
async def events(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[ElasticEvents]:
    """The event store; its offset is the consumer group's."""
    elastic, tables = wanted(configuration).elasticsearch, Tables(load_tables(configuration))
    access = Access(
        urls=tuple(elastic.urls),
        user=elastic.user,
        password=_password(configuration, elastic.password_file),
        ca=str(configuration.path(elastic.ca)) if elastic.ca else "",
    )
    opened = await ElasticEvents.open(
        access,
        clock,
        templates=shipped(configuration.folder, "elastic"),
        namespace=elastic.namespace,
        ecs=lambda event, at: to_document(event, tables, at),
        signals=signals,
        writer="",
    )
    try:
        yield opened
    finally:
        await opened.close()


def _password(configuration: Configuration, name: str) -> str:
    return keys.read_secret(configuration.path(name)) if name else ""
