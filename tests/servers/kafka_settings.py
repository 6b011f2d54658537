"""The settings files of a Kafka node for tests: small, quick to notice a dead one, replicated when there are three."""

from pathlib import Path

import msgspec

LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders>
    <Console name="out" target="SYSTEM_OUT"><PatternLayout pattern="[%d] %p %m (%c)%n%xEx{20}"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="org.apache.kafka.common.config.AbstractConfig" level="WARN"/>
    <Root level="INFO"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""


class Node(msgspec.Struct, frozen=True):
    """A node's number from 1, the Kafka Uuid of its log folder and its ports on 127.0.0.1."""

    number: int
    directory: str
    plain: int
    controller: int
    tls: int
    mutual: int
    scram: int


def properties(folder: Path, nodes: tuple[Node, ...], node: Node) -> str:
    """Text of server.properties for ``node`` of ``nodes``."""
    copies, enough = (3, 2) if len(nodes) >= 3 else (1, 1)
    listeners = ",".join(
        f"{name}://127.0.0.1:{port}"
        for name, port in (
            *(("PLAIN", node.plain), ("CONTROLLER", node.controller)),
            *(("TLS", node.tls), ("MUTUAL", node.mutual), ("SCRAM", node.scram)),
        )
    )
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.bootstrap.servers": ",".join(f"127.0.0.1:{n.controller}" for n in nodes),
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,MUTUAL:SSL,SCRAM:SASL_SSL",
        "inter.broker.listener.name": "PLAIN",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": folder / f"data-{node.number}",
        **_security(folder),
        # One node cannot keep three copies; the defaults are three.
        "default.replication.factor": copies,
        "min.insync.replicas": enough,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": enough,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": enough,
        # 50 partitions each by default: far fewer files and a quicker start.
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.num.partitions": 4,
        "num.partitions": 3,
        "auto.create.topics.enable": "false",
        # A new group gets its partitions at once, a dead member is noticed after a second if the client asks for it.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        # A killed broker is let in again only when its old session has ended: 9 s by default.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "replica.lag.time.max.ms": 5000,
        "replica.fetch.wait.max.ms": 200,
        # 128 MiB of heap by default.
        "log.cleaner.dedupe.buffer.size": 16_777_216,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _security(folder: Path) -> dict[str, object]:
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "tls/server.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": folder / "tls/ca.pem",
        "listener.name.mutual.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
    }
