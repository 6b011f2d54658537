"""Elasticsearch, one node in a folder of its own, with or without TLS and password: started, stopped, killed, paused.

This is Elastic's minimal distribution. It has no ``GET /`` (so no ``info()`` or ``ping()``), no ``_data_stream`` API (templates,
writing, search, rollover and ``_resolve/index`` of data streams work), no ILM, reindex, painless or ingest pipelines.
"""

import base64
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import msgspec

from tests.servers import fetch
from tests.servers.authority import Authority
from tests.servers.process import DownError, Process, free_ports, tail, wait

JVM = "-Xms256m -Xmx256m -XX:TieredStopAtLevel=1 -XX:-AlwaysPreTouch"
NOBODY = 65534  # it refuses to run as root
SECONDS = 120.0


class Plan(msgspec.Struct, frozen=True):
    """What a node keeps for life. ``password`` is of user ``elastic``; empty: no security at all, plain HTTP."""

    port: int
    transport: int
    password: str = ""


class Elasticsearch:
    """One node; ``load`` gives the same one to another process."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan, self.user = folder, plan, "elastic"
        self._process = Process("Elasticsearch", folder / "pid", folder / "run/logs/test.log")

    @classmethod
    def make(cls, secure: bool = False, **settings: str | int | bool) -> "Elasticsearch":
        """New, not started. ``settings`` are node settings with ``__`` for ``.``.

        Its folder is a new one under the machine's temporary folder and not pytest's, which only its owner can enter.
        """
        config = fetch.elasticsearch() / "config"  # first: without a program nothing is left behind
        folder = Path(tempfile.mkdtemp(prefix="vonggac-elasticsearch-"))
        port, transport = free_ports(2)
        node = cls(folder, Plan(port, transport, secrets.token_urlsafe(12) if secure else ""))
        (folder / "plan.json").write_bytes(msgspec.json.encode(node.plan))
        shutil.copytree(config, node._config)
        for name in ("data", "logs", "tmp"):
            (folder / "run" / name).mkdir()
        if secure:
            Authority(folder / "tls").issue("server")
            for name in ("server.key", "server.crt"):
                shutil.copy(folder / "tls" / name, node._config)
        given = {key.replace("__", "."): value for key, value in settings.items()}
        lines = [f"{key}: {msgspec.json.encode(value).decode()}" for key, value in (node._settings() | given).items()]
        (node._config / "elasticsearch.yml").write_text("\n".join(lines), "utf-8")
        node._hand_over()
        if secure:
            node._run("elasticsearch-keystore", "add", "-s", "-f", "-x", "bootstrap.password", told=node.plan.password)
        return node

    @classmethod
    def load(cls, folder: Path) -> "Elasticsearch":
        return cls(folder, msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan))

    @property
    def url(self) -> str:
        return f"{'https' if self.plan.password else 'http'}://127.0.0.1:{self.plan.port}"

    @property
    def password(self) -> str:
        return self.plan.password

    @property
    def ca_file(self) -> Path | None:
        return self.folder / "tls/ca.pem" if self.plan.password else None

    def client(self) -> dict[str, Any]:
        """Arguments of AsyncElasticsearch."""
        arguments: dict[str, Any] = {"hosts": [self.url]}
        if self.plan.password:
            arguments |= {"basic_auth": (self.user, self.plan.password), "ca_certs": str(self.ca_file)}
        return arguments

    def start(self) -> None:
        """Start it if it is not alive, go on if it is paused, and return when shards are there."""
        if not self._process.alive():
            told = self.folder / "run/pid"  # the server removes it when it begins to stop, long before it has
            self._process.guard(self.folder, told, remove=True)
            self._run("elasticsearch", "-d", "-p", str(told))
            self._process.file.write_text(told.read_text())
        self.go_on()
        wait("Elasticsearch answers", self._ready, SECONDS, self._process.log)

    def stop(self) -> None:
        self._process.end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL and wait until gone."""
        self._process.end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: the port stays open and nothing answers."""
        self._process.pause()

    def go_on(self) -> None:
        if self._process.alive():
            self._process.send(signal.SIGCONT)

    def alive(self) -> bool:
        return self._process.alive()

    def close(self) -> None:
        """End it for good; its folder goes."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _config(self) -> Path:
        return self.folder / "run/config"

    def _settings(self) -> dict[str, str | int | bool]:
        safe = bool(self.plan.password)
        settings: dict[str, str | int | bool] = {
            "cluster.name": "test",
            "node.name": "test-1",
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": self.plan.port,
            "transport.port": self.plan.transport,
            "path.data": str(self.folder / "run/data"),
            "path.logs": str(self.folder / "run/logs"),
            "cluster.routing.allocation.disk.threshold_enabled": False,  # a full test machine is not what a test is about
            "cluster.max_shards_per_node": 5000,
            "xpack.security.enabled": safe,
        }
        if safe:
            settings |= {"xpack.security.http.ssl.enabled": True, "xpack.security.transport.ssl.enabled": False}
            settings["xpack.security.http.ssl.key"] = str(self._config / "server.key")
            settings["xpack.security.http.ssl.certificate"] = str(self._config / "server.crt")
        return settings

    def _hand_over(self) -> None:
        """To the user it will run as: run/ is its own, the folder above it lets everybody through."""
        self.folder.chmod(0o711)
        if os.geteuid() == 0:
            for path in (self.folder / "run", *(self.folder / "run").rglob("*")):
                os.chown(path, NOBODY, NOBODY)

    def _run(self, program: str, *options: str, told: str = "") -> None:
        """One of Elasticsearch's own programs, with ``told`` on its standard input."""
        home, run = fetch.elasticsearch(), self.folder / "run"
        environment = {
            **{"PATH": os.environ.get("PATH", os.defpath), "HOME": str(run), "ES_JAVA_HOME": str(fetch.java_home())},
            **{"ES_PATH_CONF": str(self._config), "ES_TMPDIR": str(run / "tmp"), "LC_ALL": "C.UTF-8"},
            **({"ES_JAVA_OPTS": JVM} if program == "elasticsearch" else {"CLI_JAVA_OPTS": "-XX:TieredStopAtLevel=1"}),
        }
        other: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        line, log = ["bash", str(home / "bin" / program), *options], self.folder / "start.log"
        with log.open("ab") as written:
            done = subprocess.run(
                line, input=told.encode(), env=environment, cwd=run, stdout=written, stderr=written, timeout=SECONDS,
                start_new_session=True, **other,
            )  # fmt: skip
        if done.returncode:
            shown = f"{tail(log)}\n{tail(self._process.log)}"
            raise DownError(f"{program} ended with {done.returncode}; {log} and its own log end with\n{shown}")

    def _ready(self) -> bool:
        if not self.alive():
            raise DownError(f"Elasticsearch ended at its start; its log ends with\n{tail(self._process.log)}")
        asked = urllib.request.Request(f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=5s")
        if self.plan.password:
            pair = base64.b64encode(f"{self.user}:{self.plan.password}".encode()).decode()
            asked.add_header("Authorization", f"Basic {pair}")
        context = ssl.create_default_context(cafile=str(self.ca_file)) if self.plan.password else None
        try:
            with urllib.request.urlopen(asked, timeout=10, context=context) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
