"""From the settings of a source to its loop."""

import asyncio
import contextlib
import datetime as dt
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backbone.clock import SystemClock
from backbone.memory_bus import MemoryBus
from backbone.signals import MemorySignals
from collector.sources.source import Checkpoints
from daemon import keys
from daemon.load import Configuration, load
from daemon.sources import source_loop
from model import ConfigError, RawRecord


class Taken:
    """An inlet that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[RawRecord] = []

    async def take(self, records: Sequence[RawRecord], checkpoints: Checkpoints) -> None:
        self.records += records

    def offer(self, records: Sequence[RawRecord]) -> int:
        self.records += records
        return len(records)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configured(config: Path, source: str) -> Configuration:
    text = config.read_text("utf-8")
    config.write_text(text[: text.index("    - ")] + f"    - {source}\n", "utf-8")
    loaded = load(config)
    keys.private_folder(loaded.home / "keys")
    return loaded


async def run(loaded: Configuration, act: Any, wanted: int = 1) -> list[RawRecord]:
    """What the only source of ``loaded`` hands over while ``act()`` is tried until it works."""
    clock, signals, taken, stop = SystemClock(), MemorySignals(), Taken(), asyncio.Event()
    (source,) = loaded.settings.collector.sources
    loop = source_loop(source, loaded, taken, MemoryBus(clock), clock, signals)  # type: ignore[arg-type]
    task = asyncio.create_task(loop(stop))
    for _ in range(200):
        with contextlib.suppress(OSError):
            if len(taken.records) < wanted:
                await asyncio.to_thread(act)
        await asyncio.sleep(0.02)
        if task.done() or len(taken.records) >= wanted:
            break
    assert not task.done(), task.exception()
    stop.set()
    await asyncio.wait_for(task, 5)
    return taken.records


def send(port: int, data: bytes, tls: ssl.SSLContext | None = None) -> None:
    with socket.create_connection(("127.0.0.1", port)) as plain:
        if tls is None:
            plain.sendall(data)
        else:
            with tls.wrap_socket(plain, server_hostname="localhost") as wrapped:
                wrapped.sendall(data)


async def test_syslog_tcp(config: Path) -> None:
    """A TCP source listens where its settings say, and cuts at the length they say."""
    port = free_port()
    loaded = configured(config, f'{{name: t, type: syslog_tcp, listen: "127.0.0.1:{port}", max_line: 1 KiB}}')
    records = await run(loaded, lambda: send(port, b"<13>" + b"x" * 5000 + b"\n"))
    assert records[0].source == "t" and len(records[0].data) == 1024 and "truncated" in records[0].tags


async def test_syslog_udp(config: Path) -> None:
    """A UDP source takes datagrams."""
    port = free_port()

    def act() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<13>xin chao", ("127.0.0.1", port))

    records = await run(configured(config, f'{{name: u, type: syslog_udp, listen: "127.0.0.1:{port}"}}'), act)
    assert records[0].data == b"<13>xin chao" and records[0].peer == "127.0.0.1"


async def test_syslog_tls_with_the_certificate_made_at_first_start(config: Path) -> None:
    """Without a certificate one is made; a sender that trusts it is heard."""
    port = free_port()
    loaded = configured(config, f'{{name: s, type: syslog_tls, listen: "127.0.0.1:{port}"}}')
    chain, _ = keys.certificate(loaded.home / "keys")
    trust = ssl.create_default_context(cafile=str(chain))
    records = await run(loaded, lambda: send(port, b"<13>x\n", trust))
    assert records[0].data == b"<13>x"


async def test_syslog_tls_with_own_certificate_and_client_check(config: Path) -> None:
    """With a client CA a sender without a certificate is not heard, one with it is; an unusable file is said."""
    chain, key = keys.certificate(config.parent)
    known, known_key = client_certificate(config.parent)
    port = free_port()
    files = f"certificate: {chain.name}, key: {key.name}, client_ca: {known.name}"
    loaded = configured(config, f'{{name: s, type: syslog_tls, listen: "127.0.0.1:{port}", {files}}}')
    stranger = ssl.create_default_context(cafile=str(chain))
    trust = ssl.create_default_context(cafile=str(chain))
    trust.load_cert_chain(known, known_key)

    def act() -> None:
        with contextlib.suppress(ssl.SSLError):
            send(port, b"<13>stranger\n", stranger)
        send(port, b"<13>known\n", trust)

    assert {r.data for r in await run(loaded, act)} == {b"<13>known"}
    chain.write_text("no certificate")
    (source,) = loaded.settings.collector.sources
    clock = SystemClock()
    with pytest.raises(ConfigError, match="cannot be used"):
        source_loop(source, loaded, Taken(), MemoryBus(clock), clock, MemorySignals())  # type: ignore[arg-type]


def client_certificate(folder: Path) -> tuple[Path, Path]:
    """A sender's certificate, signed by itself, and its key."""
    private, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sender")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1))
    made = builder.add_extension(x509.BasicConstraints(True, None), True).sign(private, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "sender.crt").write_bytes(made.public_bytes(pem))
    key = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "sender.key").write_bytes(key)
    return folder / "sender.crt", folder / "sender.key"


async def test_file(config: Path, tmp_path: Path) -> None:
    """A file source follows its paths from where its settings say."""
    log = tmp_path / "a.log"
    log.write_text("old\n")
    loaded = configured(config, f"{{name: f, type: file, paths: ['{tmp_path}/*.log'], start: beginning, rescan: 50ms}}")

    def act() -> None:
        with log.open("a") as stream:
            stream.write("new\n")

    records = await run(loaded, act, 2)
    assert [r.data for r in records][:2] == [b"old", b"new"] and records[0].peer == str(log)


async def test_stdin_ends_and_is_not_started_again(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is read to its end; its loop then waits for the stop instead of ending (which would restart it)."""
    read, write = os.pipe()
    saved = os.dup(0)
    os.dup2(read, 0)
    try:
        os.write(write, b"mot\nhai\n")
        os.close(write)
        records = await run(configured(config, "{name: i, type: stdin}"), lambda: None, 2)
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(read)
    assert [r.data for r in records] == [b"mot", b"hai"]
