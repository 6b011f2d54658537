import asyncio
import socket
from typing import Any

import pytest

from backbone.clock import SystemClock
from backbone.signals import MemorySignals
from collector.sources.syslog_udp import SyslogUdp
from model import ConfigError


def new_source(inlet: Any, **settings: Any) -> tuple[SyslogUdp, MemorySignals]:
    signals = MemorySignals()
    settings = {"name": "udp", "host": "127.0.0.1", "port": 0, **settings}
    return SyslogUdp(inlet=inlet, signals=signals, clock=SystemClock(), **settings), signals


async def test_datagrams_are_records(inlet: Any, running: Any) -> None:
    """One datagram one record, trailing newline and NUL dropped, empty ones counted, long ones cut and tagged."""
    source, signals = new_source(inlet, limit=100)
    async with running(source):
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            for data in (b"<13>a\n", b"", b"<13>b\0", b"<13>" + b"x" * 200, bytes(range(1, 50))):
                sender.sendto(data, source.address)
        await inlet.until(4)
    assert inlet.lines[:2] == [b"<13>a", b"<13>b"]
    assert (len(inlet.lines[2]), inlet.records[2].tags) == (100, ("truncated",))
    assert inlet.lines[3] == bytes(range(1, 50))
    assert len({r.cursor for r in inlet.records}) == 4 and inlet.records[0].peer == "127.0.0.1"
    assert signals.counts["collector_dropped{reason=empty,source=udp}"] == 1


async def test_a_burst_is_read_or_counted(inlet: Any, running: Any) -> None:
    """With a small kernel buffer every datagram is either a record or counted as lost in the socket, none unaccounted."""
    source, signals = new_source(inlet, socket_buffer=32 << 10)
    async with running(source):
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            for _ in range(5):
                for n in range(1000):
                    sender.sendto(b"<13>%d" % n, source.address)
                await asyncio.sleep(0.05)
            sender.sendto(b"<13>end", source.address)
        await asyncio.sleep(0.1)
    lost = signals.counts["collector_dropped{reason=socket,source=udp}"]
    assert lost > 0
    assert len(inlet.records) + lost == 5001


async def test_stop_reads_what_the_kernel_holds(inlet: Any, running: Any) -> None:
    """Datagrams that had arrived when the stop came are taken."""
    source, _ = new_source(inlet, burst=100)
    async with running(source):
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            for n in range(1000):
                sender.sendto(b"<13>%d" % n, source.address)
    assert len(inlet.records) == 1000


async def test_busy_port_is_one_sentence(inlet: Any) -> None:
    """A port somebody else has: ConfigError with address and what to do."""
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        source, _ = new_source(inlet, port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match="already listens"):
            await source.run(asyncio.Event())
