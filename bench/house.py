"""A whole house in a folder of its own, started, stopped and killed like a user's: for benchmarks and whole-house tests."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import psutil
import yaml

from daemon.load import Configuration, load
from daemon.wiring import reading

ROOT = Path(__file__).parent.parent


class House:
    """``folder`` gets settings and data. ``files`` are glob patterns of files to follow, ``rules`` folders beside our own.

    Ports are free ones of this machine; ``settings`` is merged over the made configuration.
    """

    def __init__(
        self, folder: Path, *, files: dict[str, dict[str, Any]] | None = None, rules: list[Path] | None = None, **settings: Any
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.home = folder, folder / "var"
        self.syslog, self.tls, self.http, self.console, self.national = (_free_port() for _ in range(5))
        sources: list[dict[str, Any]] = [
            {"name": "udp", "type": "syslog_udp", "listen": f"127.0.0.1:{self.syslog}"},
            {"name": "tcp", "type": "syslog_tcp", "listen": f"127.0.0.1:{self.syslog}"},
            {"name": "tls", "type": "syslog_tls", "listen": f"127.0.0.1:{self.tls}"},
            {"name": "http", "type": "http", "listen": f"127.0.0.1:{self.http}"},
        ]
        sources += [{"name": name, "type": "file", **more} for name, more in (files or {}).items()]
        document: dict[str, Any] = {
            "home": str(self.home),
            "systems": str(ROOT / "config/systems.yml"),
            "rules": {"paths": [str(p) for p in (rules if rules is not None else [ROOT / "rules"])]},
            "collector": {"sources": sources},
            "console": {"listen": f"127.0.0.1:{self.console}"},
            "national": {"listen": f"127.0.0.1:{self.national}"},
            "notifier": {"national": {"url": f"http://127.0.0.1:{self.national}"}},
        }
        for name, value in settings.items():
            document[name] = {**document.get(name, {}), **value} if isinstance(value, dict) else value
        self.file = folder / "vonggac.yml"
        self.file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        self.process: subprocess.Popen[bytes] | None = None
        self._orphans: list[psutil.Process] = []

    def __enter__(self) -> "House":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.stop()
        finally:
            self.clear()

    def start(self, limit: float = 180.0, command: str = "run", *arguments: str) -> None:
        """Start and wait until everything is ready. RuntimeError with what was printed when it does not come up."""
        self.begin(command, *arguments)
        assert self.process is not None
        deadline = time.monotonic() + limit
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the house did not come up:\n{self.printed()[-4000:]}")
            time.sleep(0.05)

    def begin(self, command: str = "run", *arguments: str) -> None:
        """Start, and do not wait for anything."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("VONGGAC_HOME", "PROMETHEUS"))}
        line = [sys.executable, "-m", "daemon.cli", command, "--config", str(self.file), *arguments]
        with (self.folder / "printed.txt").open("ab") as printed:
            self.process = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=printed, stderr=printed)

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.console}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, limit: float = 15.0) -> float:
        """Stop like Ctrl-C; return the seconds it took. TimeoutExpired when it takes longer than ``limit``."""
        if self.process is None:
            return 0.0
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self.process = None
        return time.monotonic() - begun

    def processes(self) -> dict[str, psutil.Process]:
        """The living processes by role; the supervisor is ``run``."""
        if self.process is None or self.process.poll() is not None:
            return {}
        root = psutil.Process(self.process.pid)
        found = {"run": root}
        for child in root.children():
            try:
                words = child.cmdline()
            except psutil.NoSuchProcess:
                continue
            role = words[words.index("daemon.cli") + 1] if "daemon.cli" in words else ""
            if role and role not in found:
                found[role] = child
        return found

    def kill(self, *roles: str) -> list[str]:
        """kill -9 of ``roles``, or of every process; return those that lived. Killed ``run`` alone, the others are orphans."""
        if self.process is None:
            return []
        if roles and "run" not in roles:
            killed = {role: process for role, process in self.processes().items() if role in roles}
            for process in killed.values():
                process.kill()
            return list(killed)
        children: list[psutil.Process] = []
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)  # makes no more children
            children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        self.process = None
        self._orphans = [p for p in (*self._orphans, *children) if p.is_running()]
        if not roles:
            self.clear()
        return list(roles) or ["everything"]

    def clear(self) -> None:
        """kill -9 of what a killed supervisor left."""
        for process in self._orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(self._orphans, 10)
        self._orphans = []

    def orphans(self) -> list[psutil.Process]:
        """What a killed supervisor left and is still there."""
        self._orphans = [p for p in self._orphans if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        return self._orphans

    def printed(self) -> str:
        """All that was printed so far."""
        file = self.folder / "printed.txt"
        return file.read_text("utf-8", "replace") if file.exists() else ""

    def key(self, name: str) -> str:
        """A token of this house: ``ingest``, ``console``, ``national-operator``."""
        return (self.home / f"keys/{name}.key").read_text("utf-8").strip()

    @property
    def configuration(self) -> Configuration:
        return load(self.file)

    def positions(self) -> tuple[int, int, int]:
        """(events in the log, matched, stored)."""

        async def look() -> tuple[int, int, int]:
            async with reading.reading_log(self.configuration) as log, reading.reading_state(self.configuration) as state:
                matched = max(await log.position("correlate", "events"), await state.position("correlate", "events"))
                return await log.end("events"), matched, await log.position("store", "events")

        return asyncio.run(look())

    def settle(self, events: int, limit: float = 120.0, *, stored: bool = False) -> float:
        """Wait until ``events`` are in the log and matched (and written to the store); return the seconds. TimeoutError."""
        begun = time.monotonic()
        while True:
            end, matched, kept = self.positions()
            if end >= events and matched >= end and (not stored or kept >= end):
                return time.monotonic() - begun
            if time.monotonic() - begun > limit:
                raise TimeoutError(f"after {limit:.0f} s: {end} of {events} in the log, {matched} matched, {kept} stored")
            time.sleep(0.05)

    def show(self, command: str, *arguments: str) -> list[dict[str, Any]]:
        """What ``vonggac COMMAND --json`` prints."""
        line = [sys.executable, "-m", "daemon.cli", command, "--config", str(self.file), "--json", *arguments]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, check=True, timeout=300)
        return [msgspec.json.decode(row) for row in done.stdout.splitlines()]

    def get(self, path: str, port: int | None = None, token: str = "") -> Any:
        """GET a JSON document from the console, or another port of this house."""
        headers = {"Authorization": f"Bearer {token or self.key('console')}"}
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.console}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return msgspec.json.decode(answer.read())

    def metrics(self) -> dict[str, float]:
        """/metrics: ``name{labels}`` without the prefix ``vonggac_`` → value."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.console}/metrics")
        request.add_header("Authorization", f"Bearer {self.key('console')}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            rows = (line.rpartition(" ") for line in answer.read().decode().splitlines() if not line.startswith("#"))
            return {name.removeprefix("vonggac_"): float(value) for name, _, value in rows}

    def post(self, body: bytes, key: str = "", *, kind: str = "application/x-ndjson", **more: str) -> int:
        """POST records to HTTP ingest, with an idempotency key when given; the status. URLError when it does not answer.

        ``kind`` is their Content-Type, ``more`` other headers (``content_encoding="gzip"``).
        """
        headers = {"Authorization": f"Bearer {self.key('ingest')}", "Content-Type": kind}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}/ingest", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def send(self, lines: bytes) -> None:
        """Send lines over syslog TCP."""
        with socket.create_connection(("127.0.0.1", self.syslog)) as connection:
            connection.sendall(lines)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
