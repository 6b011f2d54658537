"""Syslog over UDP (RFC 5426): one message a datagram. Nobody can slow a UDP sender: what is lost is counted.

Signals: collector_dropped{source,reason=socket} (the kernel's buffer was full), {reason=empty}; what the queue refuses is
counted by the intake (reason=queue).
"""

import asyncio
import socket
import sys
from typing import Final

import structlog

from backbone.ports import Clock
from backbone.signals import Signals
from collector.sources.listen import bind_error, new_socket
from collector.sources.source import Inlet, new_nonce
from model import RawRecord

_SO_RXQ_OVFL: Final = 40  # Linux asm-generic/socket.h; the module socket does not name it
_SO_RCVBUFFORCE: Final = 33
_DATAGRAM: Final = 65_536
_ANCILLARY: Final = 64
_LAST_READ: Final = 200_000

_log = structlog.get_logger()


class SyslogUdp:
    """One UDP socket. ``limit`` is the longest message kept in bytes, ``socket_buffer`` the kernel's receive buffer in bytes,
    ``burst`` how many datagrams are read before other work gets its turn."""

    def __init__(
        self,
        *,
        name: str,
        host: str,
        port: int,
        inlet: Inlet,
        signals: Signals,
        clock: Clock,
        limit: int = 64 << 10,
        socket_buffer: int = 8 << 20,
        burst: int = 500,
    ) -> None:
        self.name = name
        self.address = (host, port)
        """Where it listens; the real port once ``ready`` is set (``port=0`` takes a free one)."""
        self.ready = asyncio.Event()
        self._inlet = inlet
        self._signals = signals
        self._clock = clock
        self._limit = limit
        self._socket_buffer = socket_buffer
        self._burst = burst
        self._nonce = new_nonce()
        self._count = 0
        self._lost = 0
        self._buffer = bytearray(_DATAGRAM)

    async def run(self, stop: asyncio.Event) -> None:
        """Read until ``stop``, then what the kernel still holds. ConfigError when the address cannot be had."""
        sock = self._open()
        loop = asyncio.get_running_loop()
        loop.add_reader(sock.fileno(), self._read, sock)
        self.ready.set()
        try:
            await stop.wait()
            for _ in range(_LAST_READ // self._burst):
                if self._read(sock) < self._burst:
                    break
                await asyncio.sleep(0)
        finally:
            loop.remove_reader(sock.fileno())
            sock.close()
            self.ready.clear()

    def _open(self) -> socket.socket:
        try:
            sock = new_socket(self.address, socket.SOCK_DGRAM)
        except OSError as error:
            raise bind_error(self.name, self.address, "udp", error) from error
        self.address = sock.getsockname()[:2]
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, self._socket_buffer)
        except OSError:  # only root may go beyond net.core.rmem_max
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._socket_buffer)
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        if granted < self._socket_buffer:
            hint = f"sysctl net.core.rmem_max={self._socket_buffer}"
            _log.warning("udp_buffer_small", source=self.name, wanted=self._socket_buffer, granted=granted, hint=hint)
        sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        self._lost = 0
        return sock

    def _read(self, sock: socket.socket) -> int:
        """Up to ``burst`` datagrams, handed over at once; returns how many there were."""
        now, buffer, limit, name, prefix = self._clock.now(), self._buffer, self._limit, self.name, self._nonce
        view, receive, records, empty, count, got = memoryview(buffer), sock.recvfrom_into, [], 0, self._count, 0
        try:
            first, ancillary, _, peer = sock.recvmsg(_DATAGRAM, _ANCILLARY)
            self._count_lost(ancillary)
            size, got = len(first), 1
            view[:size] = first
            while True:
                data = bytes(view[: min(size, limit)]).rstrip(b"\r\n\0")
                if data:
                    tags = ("truncated",) if size > limit else ()
                    records.append(RawRecord(name, f"{prefix}:{count}", data, now, peer[0], tags))
                    count += 1
                else:
                    empty += 1
                if got >= self._burst:
                    break
                size, peer = receive(buffer)
                got += 1
        except BlockingIOError:
            pass
        except OSError as error:
            _log.warning("udp_read_failed", source=name, error=str(error))
        self._count = count
        if empty:
            self._signals.count("collector_dropped", empty, source=name, reason="empty")
        if records:
            self._inlet.offer(records)
        return got

    def _count_lost(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        """SO_RXQ_OVFL: datagrams the kernel dropped since the socket was made, 32 bits that wrap."""
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                total = int.from_bytes(value[:4], sys.byteorder)
                lost = (total - self._lost) & 0xFFFFFFFF
                self._lost = total
                if lost:
                    self._signals.count("collector_dropped", lost, source=self.name, reason="socket")
                    _log.warning("udp_dropped_by_kernel", source=self.name, amount=lost)
