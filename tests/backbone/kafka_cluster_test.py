"""A cluster that can be reached is; one that cannot says why in one sentence, and what to do."""

import asyncio
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient

from backbone.kafka_cluster import Cluster, describe
from model import BackboneError, ConfigError
from tests.servers.process import free_ports


async def reach(cluster: Cluster) -> str:
    """What stands in the way, empty when nothing does."""
    try:
        client = await cluster.start(AIOKafkaAdminClient(**cluster.options()))
    except BackboneError as error:
        return str(error)
    await client.close()
    return ""


@pytest.mark.slow
async def test_every_way_in_and_every_obstacle(kafka_own: Any, tmp_path: Path) -> None:
    """Plain, TLS, mutual TLS and SCRAM work; a wrong port, password, user, CA, name, missing certificate: one sentence each."""
    kafka = kafka_own
    node = kafka.plan.nodes[0]
    plain = Cluster((f"127.0.0.1:{node.plain}",))
    tls = Cluster((f"127.0.0.1:{node.tls}",), tls=True, ca=kafka.ca_file)
    mutual = Cluster(
        (f"127.0.0.1:{node.mutual}",), tls=True, ca=kafka.ca_file, certificate=kafka.client_file, key=kafka.client_file
    )
    scram = Cluster((f"127.0.0.1:{node.scram}",), tls=True, ca=kafka.ca_file, user=kafka.user, password=kafka.plan.password)
    for cluster in (plain, tls, mutual, scram, replace(plain, servers=(f"127.0.0.1:{free_ports(1)[0]}", *plain.servers))):
        assert await reach(cluster) == ""
    at = r"Kafka at 127\.0\.0\.1:\d+ "
    other = tmp_path / "other.pem"
    line = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=other", "-keyout"]
    subprocess.run([*line, "/dev/null", "-out", str(other)], check=True, capture_output=True)
    for cluster, said in {
        replace(plain, servers=(f"127.0.0.1:{free_ports(1)[0]}",)): "refuses connections; look whether it runs",
        replace(scram, password="wrong"): r"refuses the password of vonggac \(SCRAM-SHA-512\)",
        replace(scram, user="nobody"): r"refuses the password of nobody",
        replace(scram, mechanism="PLAIN"): "does not take passwords by PLAIN",
        replace(tls, ca=other): r"shows a certificate our CA did not sign .*other\.pem",
        replace(tls, ca=None): r"shows a certificate our CA did not sign .*the machine's own list",
        replace(mutual, certificate=None, key=None): "(does not speak TLS as we do|hangs up at once).*",
        replace(tls, servers=plain.servers): "(does not speak TLS as we do|hangs up at once; look whether this port speaks SSL)",
        replace(plain, servers=tls.servers): "hangs up at once; look whether this port speaks PLAINTEXT",
    }.items():
        found = await reach(cluster)
        print(found)
        assert re.match(at + said, found), found
        assert "wrong" not in found.replace("wrong version number", "") and kafka.plan.password not in found + repr(cluster)
    kafka.pause()
    found = await reach(replace(tls, patience=2.0))
    assert re.match(at + "does not answer", found), found
    kafka.go_on()


@pytest.mark.slow
async def test_an_expired_certificate_is_said(make_kafka: Any) -> None:
    """A server whose certificate has expired is not talked to, and the sentence says so."""
    kafka = make_kafka(valid_days=-1)
    await asyncio.to_thread(kafka.start)
    cluster = Cluster((f"127.0.0.1:{kafka.plan.nodes[0].tls}",), tls=True, ca=kafka.ca_file)
    assert await reach(cluster) == f"Kafka at {cluster.where} shows an expired certificate; renew it."


async def test_no_kafka_at_all_is_said() -> None:
    """A server that is none hangs up, a name that is none has no address: a sentence, and no waiting."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert "hangs up at once" in await reach(Cluster((f"127.0.0.1:{port}",)))
    server.close()
    assert "is too old" in describe(errors.IncompatibleBrokerVersion("x"), Cluster(("a:1",)))
    assert "cannot be reached" in await reach(Cluster(("no-such-host.invalid:9092",)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"servers": ()}, "at least one server"),
        ({"servers": ("a:1",), "user": "u", "password": "p"}, "unencrypted"),
        ({"servers": ("a:1",), "tls": True, "user": "u", "mechanism": "MD5"}, "'MD5' is none of"),
        ({"servers": ("a:1",), "tls": True, "certificate": Path("c.pem")}, "both"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], said: str) -> None:
    """Wrong settings are one sentence before anything is connected."""
    with pytest.raises(ConfigError, match=said):
        Cluster(**settings)


async def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """A CA file that is not there is named."""
    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        Cluster(("a:1",), tls=True, ca=tmp_path / "nowhere.pem").options()
