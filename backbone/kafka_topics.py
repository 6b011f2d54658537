"""The house's topics on Kafka: made at start when missing, checked when there, never changed silently."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from backbone.kafka_cluster import Cluster, shut
from model import BackboneError, Micros, Problem, ProblemsError
from model.moment import DAY

MAX_RECORD: Final = 8 << 20
"""Bytes of the longest record, before compression."""
TOMBSTONES: Final[Micros] = 7 * DAY
"""How long a delete stays in a compacted topic: a copy that slept longer must be read anew."""
_MADE: Final = 15.0
_log = structlog.get_logger()


@dataclass(frozen=True)
class Topic:
    """How a topic should be. ``keep``: how long records stay (µs; 0: for ever, compacted by key). ``settings``: any more of
    Kafka's own topic settings, by Kafka's names.
    """

    name: str
    partitions: int = 3
    replication: int = 3
    in_sync: int = 2
    keep: Micros = 7 * DAY
    max_record: int = MAX_RECORD
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def compacted(self) -> bool:
        return self.keep == 0

    def wanted(self) -> dict[str, str]:
        """Kafka's settings of this topic."""
        common = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "min.insync.replicas": str(min(self.in_sync, self.replication)),
            "max.message.bytes": str(self.max_record + (64 << 10)),
            "compression.type": "producer",
            # The server's clock says when a record became durable; retention must not follow a sender's clock.
            "message.timestamp.type": "LogAppendTime",
        }
        if self.compacted:
            common |= {
                "delete.retention.ms": str(TOMBSTONES // 1000),
                "segment.bytes": str(64 << 20),
                "min.cleanable.dirty.ratio": "0.1",
            }
        else:
            common["retention.ms"] = str(self.keep // 1000)
        return common | dict(self.settings)


async def prepare(cluster: Cluster, topics: Sequence[Topic]) -> list[str]:
    """Make missing ``topics``, check the others; return the names of those made here. Several processes may do it at once.

    ProblemsError with everything that is not as wanted.
    """
    admin = await cluster.start(AIOKafkaAdminClient(**cluster.options(), request_timeout_ms=20_000))
    try:
        made, problems = await _make(admin, topics)
        if not problems:
            problems = await _check(admin, topics)
    except (errors.KafkaError, TimeoutError) as error:
        raise await cluster.explain(error) from error
    finally:
        await shut(admin)
    if problems:
        raise ProblemsError(problems)
    if made:
        _log.info("kafka_topics_made", topics=made)
    return made


async def _make(admin: Any, topics: Sequence[Topic]) -> tuple[list[str], list[Problem]]:
    there = set(await admin.list_topics())
    missing = [t for t in topics if t.name not in there]
    if not missing:
        return [], []
    new = [NewTopic(t.name, t.partitions, t.replication, topic_configs=t.wanted()) for t in missing]
    answer = await admin.create_topics(new)
    made, problems = [], []
    for name, code, *rest in answer.topic_errors:
        if code == 0:
            made.append(name)
        elif code != errors.TopicAlreadyExistsError.errno:  # another process was first: checked like any other
            problems.append(_refused(name, code, rest[0] if rest else "", next(t for t in missing if t.name == name)))
    return made, problems


def _refused(name: str, code: int, message: str | None, topic: Topic) -> Problem:
    kind = errors.for_code(code)
    hints = {
        errors.InvalidConfigurationError: "correct its settings",
        errors.InvalidReplicationFactorError: f"run {topic.replication} servers, or lower the replication factor",
        errors.InvalidTopicError: "correct the prefix: letters, digits, dots, _ and - only",
        errors.ClusterAuthorizationFailedError: "let our user create topics, or create them by hand",
        errors.TopicAuthorizationFailedError: "let our user create topics, or create them by hand",
    }
    return Problem(f"topic {name}", 0, f"Kafka does not make it: {message or kind.__name__}", hints.get(kind, "see its log"))


async def _check(admin: Any, topics: Sequence[Topic]) -> list[Problem]:
    found = await _found(admin, topics)
    asked = [ConfigResource(ConfigResourceType.TOPIC, t.name) for t in topics]
    settings: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for _, _, _, name, entries in answer.resources:
            settings[name] = {entry[0]: entry[1] for entry in entries}
    problems: list[Problem] = []
    for topic in topics:
        problems += _compare(topic, found[topic.name], settings.get(topic.name, {}))
    return problems


async def _found(admin: Any, topics: Sequence[Topic]) -> dict[str, Any]:
    """Every topic as the cluster describes it; waits for those just made to reach every server."""
    names = [t.name for t in topics]
    deadline = asyncio.get_running_loop().time() + _MADE
    while True:
        found = {t["topic"]: t for t in await admin.describe_topics(names)}
        late = [n for n in names if found.get(n, {}).get("error_code", 3) or not found[n]["partitions"]]
        if not late:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise BackboneError(f"Kafka does not show {', '.join(late)} {_MADE:.0f} s after making them; see its log.")
        await asyncio.sleep(0.1)


def _compare(topic: Topic, found: Any, settings: Mapping[str, str]) -> list[Problem]:
    place = f"topic {topic.name}"
    problems = []
    parts = len(found["partitions"])
    if parts != topic.partitions:
        more = "add partitions with Kafka's tools" if parts < topic.partitions else "raise ours: nobody would read the others"
        problems.append(Problem(place, 0, f"it has {parts} partitions, {topic.partitions} are set", more))
    copies = min((len(p["replicas"]) for p in found["partitions"]), default=0)
    if copies < topic.replication:
        hint = "move it with kafka-reassign-partitions, or lower the setting"
        problems.append(Problem(place, 0, f"it has {copies} replicas, {topic.replication} are set", hint))
    for name, want in topic.wanted().items():
        have = settings.get(name)
        if have is None:
            problems.append(Problem(place, 0, f"Kafka has no topic setting {name!r}", "correct or remove it"))
        elif not _serves(name, have, want):
            hint = f"kafka-configs --alter --entity-type topics --entity-name {topic.name} --add-config {name}={want}"
            problems.append(Problem(place, 0, f"its {name} is {have}, not {want}", hint))
    return problems


_AT_LEAST: Final = {"retention.ms", "delete.retention.ms", "max.message.bytes", "min.insync.replicas"}
_AS_LIKED: Final = {"segment.bytes", "min.cleanable.dirty.ratio"}
"""Only a matter of speed: the operator's choice."""


def _serves(name: str, have: str, want: str) -> bool:
    if name in _AS_LIKED:
        return True
    if name in _AT_LEAST:
        return int(have) == -1 or int(have) >= int(want)
    return have == want
