"""Kafka (KRaft) in a folder: one node or several, started, stopped, killed, paused, started again on the same data.

Every node has four listeners: plain, TLS, TLS that asks for the client's certificate, and SASL_SSL with SCRAM-SHA-512.
"""

import base64
import secrets
import shutil
import signal
import ssl
import subprocess
import uuid
from pathlib import Path
from typing import Any

import msgspec

from tests.servers import fetch
from tests.servers.authority import Authority
from tests.servers.kafka_settings import LOG4J, Node, properties
from tests.servers.process import DownError, Process, free_ports, run_apart, tail, wait

JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
READY = "Kafka Server started"
SECONDS = 60.0


class Plan(msgspec.Struct, frozen=True):
    """What a cluster keeps for life. ``password`` is of user ``vonggac``, made for this run."""

    cluster: str
    password: str
    nodes: tuple[Node, ...]


class Kafka:
    """A cluster whose nodes are numbered from 1; ``load`` gives the same one to another process."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan, self.user = folder, plan, "vonggac"
        self._processes = [
            Process(f"Kafka node {n.number}", folder / f"{n.number}.pid", folder / f"{n.number}.log") for n in plan.nodes
        ]

    @classmethod
    def make(cls, folder: Path, nodes: int = 1, valid_days: int = 30, **settings: str | int) -> "Kafka":
        """New and formatted, not started. ``settings`` are broker settings, ``_`` for ``.``; ``valid_days`` < 0: expired TLS."""
        ports = iter(free_ports(5 * nodes))
        made = tuple(Node(n + 1, _id(), next(ports), next(ports), next(ports), next(ports), next(ports)) for n in range(nodes))
        kafka = cls(folder, Plan(_id(), secrets.token_urlsafe(12), made))
        folder.mkdir(parents=True)
        authority = Authority(folder / "tls")
        authority.issue("server", valid_days)
        authority.issue("client")
        (folder / "log4j2.xml").write_text(LOG4J, "utf-8")
        (folder / "plan.json").write_bytes(msgspec.json.encode(kafka.plan))
        for node in made:
            text = properties(folder, made, node) + "".join(f"{k.replace('_', '.')}={v}\n" for k, v in settings.items())
            (folder / f"{node.number}.properties").write_text(text, "utf-8")
        kafka._format()
        return kafka

    @classmethod
    def load(cls, folder: Path) -> "Kafka":
        return cls(folder, msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan))

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{n.plain}" for n in self.plan.nodes)

    def tls(self) -> dict[str, Any]:
        """Arguments of an aiokafka client over TLS; ``mutual``: with a client's certificate; ``scram``: with a password."""
        servers = [f"127.0.0.1:{n.tls}" for n in self.plan.nodes]
        return {"bootstrap_servers": servers, "security_protocol": "SSL", "ssl_context": self._context()}

    def mutual(self) -> dict[str, Any]:
        context = self._context()
        context.load_cert_chain(self.client_file)
        servers = [f"127.0.0.1:{n.mutual}" for n in self.plan.nodes]
        return {"bootstrap_servers": servers, "security_protocol": "SSL", "ssl_context": context}

    def scram(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": [f"127.0.0.1:{n.scram}" for n in self.plan.nodes],
            "security_protocol": "SASL_SSL",
            "ssl_context": self._context(),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.plan.password,
        }

    @property
    def ca_file(self) -> Path:
        return self.folder / "tls/ca.pem"

    @property
    def client_file(self) -> Path:
        """Key and certificate of a client, in one file."""
        return self.folder / "tls/client.pem"

    def start(self, *numbers: int) -> None:
        """Start what is not alive of these nodes (none named: of all), let go on what is paused; return when they answer."""
        begun = [(one, _length(one.log)) for one in self._named(numbers) if not one.alive()]
        for one, _ in begun:
            one.guard(self.folder)
            one.file.write_text(str(run_apart(self._java("kafka.Kafka", one), one.log)))
        self.go_on(*numbers)
        for one, before in begun:
            wait(f"{one.what} starts", lambda one=one, before=before: _ready(one, before), SECONDS, one.log)  # type: ignore[misc]

    def stop(self, *numbers: int) -> None:
        """SIGTERM and wait. Several nodes at once: the last controllers cannot leave a quorum that is gone, and are killed."""
        for one in self._named(numbers):
            if one.alive():
                one.send(signal.SIGCONT)
                one.send(signal.SIGTERM)
        for one in self._named(numbers):
            try:
                one.end(signal.SIGTERM, 15.0)
            except DownError:
                one.end(signal.SIGKILL)

    def kill(self, *numbers: int) -> None:
        """SIGKILL and wait until gone."""
        for one in self._named(numbers):
            one.end(signal.SIGKILL)

    def pause(self, *numbers: int) -> None:
        """SIGSTOP: the ports stay open and nothing answers."""
        for one in self._named(numbers):
            one.pause()

    def go_on(self, *numbers: int) -> None:
        for one in self._named(numbers):
            if one.alive():
                one.send(signal.SIGCONT)

    def alive(self) -> list[int]:
        """Numbers of the nodes that run."""
        return [n.number for n, one in zip(self.plan.nodes, self._processes, strict=True) if one.alive()]

    def close(self) -> None:
        """End it for good; the logs stay, the data go."""
        self.kill()
        for node in self.plan.nodes:
            shutil.rmtree(self.folder / f"data-{node.number}", ignore_errors=True)

    def _named(self, numbers: tuple[int, ...]) -> list[Process]:
        return [self._processes[n - 1] for n in numbers] if numbers else self._processes

    def _java(self, program: str, one: Process, *options: str) -> list[str]:
        setting = f"-Dlog4j2.configurationFile=file:{self.folder / 'log4j2.xml'}"
        arguments = options or (str(one.file.with_suffix(".properties")),)
        return [str(fetch.java_home() / "bin/java"), *JVM, setting, "-cp", f"{fetch.kafka()}/*", program, *arguments]

    def _format(self) -> None:
        voters = ",".join(f"{n.number}@127.0.0.1:{n.controller}:{n.directory}" for n in self.plan.nodes)
        # The password is on a command line: it was made for this run and opens nothing else.
        user = f"SCRAM-SHA-512=[name={self.user},password={self.plan.password}]"
        begun = []
        for one in self._processes:
            file = str(one.file.with_suffix(".properties"))
            options = ("format", "-t", self.plan.cluster, "-c", file, "--initial-controllers", voters, "--add-scram", user)
            with one.log.open("ab") as log:
                line = self._java("kafka.tools.StorageTool", one, *options)
                begun.append((one, subprocess.Popen(line, stdout=log, stderr=log, stdin=subprocess.DEVNULL)))
        for one, process in begun:
            if process.wait(SECONDS):
                raise DownError(f"{one.what}: its folder could not be formatted; {one.log} ends with\n{tail(one.log)}")

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))


def _id() -> str:
    """A Kafka Uuid; one that begins with a dash would look like an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _length(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _ready(one: Process, before: int) -> bool:
    """It says so when the controller has let it in. DownError when it died instead."""
    if not one.alive():
        raise DownError(f"{one.what} ended at its start; {one.log} ends with\n{tail(one.log)}")
    with one.log.open("rb") as log:
        log.seek(before)
        return READY.encode() in log.read()
