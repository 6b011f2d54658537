import asyncio
import datetime
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backbone.clock import SystemClock
from backbone.signals import MemorySignals
from collector.sources.syslog_tcp import SyslogTcp
from model import ConfigError


def new_source(inlet: Any, **settings: Any) -> tuple[SyslogTcp, MemorySignals]:
    signals = MemorySignals()
    settings = {"name": "net", "host": "127.0.0.1", "port": 0, **settings}
    return SyslogTcp(inlet=inlet, signals=signals, clock=SystemClock(), **settings), signals


async def send(address: tuple[str, int], *chunks: bytes, tls: ssl.SSLContext | None = None) -> None:
    _, writer = await asyncio.open_connection(*address, ssl=tls, server_hostname="localhost" if tls else None)
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(0)
    writer.close()
    await writer.wait_closed()


async def test_both_framings_over_a_real_socket(inlet: Any, running: Any) -> None:
    """Lines and counted frames of one connection arrive in order with the peer's address and distinct cursors."""
    source, _ = new_source(inlet)
    async with running(source):
        await send(source.address, b"<13>one\n<13>t", b"wo\r\n8 <13>", b"x\ny\n<13>last without newline")
        assert await inlet.until(4) == [b"<13>one", b"<13>two", b"<13>x\ny", b"<13>last without newline"]
    assert {r.peer for r in inlet.records} == {"127.0.0.1"}
    assert len({r.cursor for r in inlet.records}) == 4


async def test_many_connections_keep_their_own_order(inlet: Any, running: Any) -> None:
    """100 senders at once: nothing lost, each sender's lines in order."""
    source, _ = new_source(inlet)
    async with running(source):
        await asyncio.gather(*(send(source.address, *(b"<13>%d %d\n" % (who, n) for n in range(50))) for who in range(100)))
        await inlet.until(5000)
    for who in range(100):
        mine = [int(line.split()[1]) for line in inlet.lines if line.split()[0] == b"<13>%d" % who]
        assert mine == list(range(50))


async def test_a_slow_backbone_slows_the_sender(inlet: Any, running: Any) -> None:
    """While take does not return, the sender is stopped by its kernel, memory stays bounded, and nothing is lost."""
    source, _ = new_source(inlet, high_water=32 << 10)
    line = b"<13>" + b"x" * 996 + b"\n"
    total, sent = 20_000, 0

    async def pour() -> None:
        nonlocal sent
        _, writer = await asyncio.open_connection(*source.address)
        writer.transport.set_write_buffer_limits(high=0)
        for _ in range(total):
            writer.write(line)
            await writer.drain()
            sent += 1
        writer.close()
        await writer.wait_closed()

    async with running(source):
        inlet.gate.clear()
        pouring = asyncio.create_task(pour())
        await asyncio.sleep(0.5)
        stuck = sent
        await asyncio.sleep(0.3)
        assert sent == stuck < total
        assert source._held <= (32 << 10) + (64 << 10) * 2
        inlet.gate.set()
        await pouring
        await inlet.until(total)
    assert len(inlet.records) == total


async def test_a_full_backbone_is_tried_again(inlet: Any, running: Any) -> None:
    """FullError loses nothing: the same records are handed over until they are taken."""
    source, _ = new_source(inlet)
    inlet.full = 2
    async with running(source):
        await send(source.address, b"<13>a\n")
        assert await inlet.until(1) == [b"<13>a"]


async def test_limits_on_connections(inlet: Any, running: Any) -> None:
    """Beyond the limit, of all or of one address, a connection is closed at once and counted; those before go on."""
    for settings, reason in (({"connections": 2}, "connections"), ({"connections_per_address": 2}, "address")):
        source, signals = new_source(inlet, **settings)
        async with running(source):
            streams = [await asyncio.open_connection(*source.address) for _ in range(2)]
            await asyncio.sleep(0.05)
            reader, extra = await asyncio.open_connection(*source.address)
            assert await asyncio.wait_for(reader.read(), 2) == b""
            extra.close()
            assert signals.counts[f"collector_refused{{reason={reason},source=net}}"] == 1
            streams[0][1].close()
            await asyncio.sleep(0.05)
            await send(source.address, b"<13>room again\n")
            await inlet.until(1)
            streams[1][1].close()
        assert inlet.lines.pop() == b"<13>room again"
        inlet.records.clear()


async def test_idle_connections_are_closed(inlet: Any, running: Any) -> None:
    """A connection without a byte for ``idle`` seconds is closed and counted; its unfinished line is kept."""
    source, signals = new_source(inlet, idle=0.2)
    async with running(source):
        reader, writer = await asyncio.open_connection(*source.address)
        writer.write(b"<13>unfinished")
        assert await asyncio.wait_for(reader.read(), 3) == b""
        assert await inlet.until(1) == [b"<13>unfinished"]
        writer.close()
    assert signals.counts["collector_closed{reason=idle,source=net}"] == 1


async def test_stop_delivers_what_was_sent(inlet: Any, running: Any) -> None:
    """Lines that were in the kernel's buffers when the stop came are delivered, an unfinished one too."""
    source, _ = new_source(inlet)
    async with running(source):
        writers = []
        for n in range(20):
            _, writer = await asyncio.open_connection(*source.address)
            writer.write(b"<13>%d a\n<13>%d b" % (n, n))
            await writer.drain()
            writers.append(writer)
    assert sorted(inlet.lines) == sorted(line for n in range(20) for line in (b"<13>%d a" % n, b"<13>%d b" % n))
    for writer in writers:
        writer.close()


async def test_stop_delivers_what_waited_for_room(inlet: Any, running: Any) -> None:
    """The backbone is slow when the stop comes, a sender has sent all and gone: nothing of it is lost."""
    source, _ = new_source(inlet, high_water=32 << 10)
    async with running(source):
        inlet.gate.clear()
        with socket.create_connection(source.address) as sender:
            sender.sendall((b"<13>" + b"x" * 995 + b"\n") * 300)
        await asyncio.sleep(0.1)
        asyncio.get_running_loop().call_later(0.4, inlet.gate.set)
    assert len(inlet.records) == 300


async def test_long_lines_and_junk(inlet: Any, running: Any) -> None:
    """A line beyond the limit is cut and tagged; binary junk does no harm to the next connection."""
    source, signals = new_source(inlet, limit=1000)
    async with running(source):
        await send(source.address, b"<13>" + b"x" * 5000 + b"\n", bytes(range(256)) * 40)
        await inlet.until(1)
        await send(source.address, b"<13>fine\n")
        async with asyncio.timeout(2):
            while b"<13>fine" not in inlet.lines:
                await asyncio.sleep(0.01)
    assert inlet.records[0].tags == ("truncated",) and len(inlet.records[0].data) == 1000
    assert signals.counts["collector_discarded_bytes{source=net}"] >= 4004


async def test_busy_port_is_one_sentence(inlet: Any) -> None:
    """A port somebody else has: ConfigError with address and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        source, _ = new_source(inlet, port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match="already listens"):
            await source.run(asyncio.Event())


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with a fresh certificate and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "k.pem").write_bytes(private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "c.pem", folder / "k.pem")
    return server, ssl.create_default_context(cafile=str(folder / "c.pem"))


async def test_tls(inlet: Any, running: Any, tmp_path: Path) -> None:
    """RFC 5425: counted frames over TLS arrive; a client that does not speak TLS is refused, counted, and harms nobody."""
    server, client = certificate(tmp_path)
    source, signals = new_source(inlet, tls=server)
    async with running(source):
        await send(source.address, b"this is no handshake\r\n\r\n")
        async with asyncio.timeout(3):
            while not signals.counts["collector_refused{reason=handshake,source=net}"]:
                await asyncio.sleep(0.01)
        many = [b"<13>message %06d" % n for n in range(3000)]
        await send(source.address, *(b"%d %s" % (len(m), m) for m in many), tls=client)
        assert await inlet.until(3000) == many


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("slow", [False, True])
def test_tls_senders_that_send_much_and_are_gone(
    inlet: Any, running: Any, tmp_path: Path, run: Callable[..., Any], slow: bool
) -> None:
    """2 MB in one go and closed at once, without a good-bye: all of it is read, also when the backbone is slow."""
    server, client = certificate(tmp_path)

    def pour(address: tuple[str, int]) -> None:
        with socket.create_connection(address) as plain, client.wrap_socket(plain, server_hostname="localhost") as sender:
            sender.sendall((b"<13>" + b"x" * 995 + b"\n") * 2000)

    async def trial() -> None:
        source, _ = new_source(inlet, tls=server)
        async with running(source):
            if slow:
                inlet.gate.clear()
                asyncio.get_running_loop().call_later(0.5, inlet.gate.set)
            await asyncio.to_thread(pour, source.address)
            await inlet.until(2000)
        assert len(inlet.records) == 2000

    run(trial())
