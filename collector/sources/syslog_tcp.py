"""Syslog over TCP (RFC 6587) and TLS (RFC 5425): framing detected frame by frame.

Backpressure: a connection that holds ``high_water`` bytes not yet durable is not read until they are; when all together hold
``buffer_bytes``, none is. The sender's kernel then slows the sender. One task takes from the connections in turn, so that many
quiet connections share one commit and a loud one cannot starve them.

Signals: collector_connections{source} (level), collector_refused{source,reason=connections|address|handshake},
collector_closed{source,reason=idle}, collector_discarded_bytes{source} (beyond the line limit).
"""

import asyncio
import socket
import ssl
import time
from collections import Counter, deque
from typing import Final

import structlog

from backbone.ports import Clock
from backbone.signals import Signals
from collector.framing import LIMIT
from collector.sources.listen import bind_error, new_socket
from collector.sources.source import Batch, Inlet, deliver, new_nonce
from collector.sources.syslog_connection import Connection, Plain, Secure
from model import RawRecord

_BATCH_RECORDS: Final = 5_000
_HANDSHAKE: Final = 10.0  # seconds
_QUIET: Final = 0.1  # after stop: seconds without a byte that mean the kernel's buffers are empty
_LAST_READ: Final = 4.5  # for senders that go on; the intake takes records a little longer after the stop
_KERNEL: Final = 512 << 10  # bytes a connection may have in the kernel unread, so that a stop can read them out
_SWEEP: Final = 5.0
_SAY_AGAIN: Final = 10.0

_log = structlog.get_logger()


class SyslogTcp:
    """One listening socket; with ``tls`` (an SSLContext made by the caller) TLS.

    ``limit``: longest frame in bytes. ``connections``/``connections_per_address``: at most so many, others are closed at once and
    counted. ``idle``: seconds without a byte after which a connection is closed (0: never). ``high_water``, ``buffer_bytes``:
    bytes read and not yet durable, of one connection and of all.
    """

    def __init__(
        self,
        *,
        name: str,
        host: str,
        port: int,
        inlet: Inlet,
        signals: Signals,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
        limit: int = LIMIT,
        connections: int = 1_000,
        connections_per_address: int = 200,
        idle: float = 3_600.0,
        high_water: int = 128 << 10,
        buffer_bytes: int = 16 << 20,
    ) -> None:
        self.name = name
        self.address = (host, port)
        """Where it listens; the real port once ``ready`` is set (``port=0`` takes a free one)."""
        self.ready = asyncio.Event()
        self.limit = limit
        self.high_water = high_water
        self.buffer = bytearray(64 << 10)
        """Shared by all connections: filled and emptied between two turns of the event loop."""
        self._inlet = inlet
        self._signals = signals
        self._clock = clock
        self._tls = tls
        if tls is not None:
            # Senders never read: a ticket left unread would make their close a reset, and what is under way be lost.
            tls.num_tickets = 0
        self._most = connections
        self._most_per_address = connections_per_address
        self._idle = idle
        self._buffer_bytes = buffer_bytes
        self._open: set[Connection] = set()
        self._admitted = 0  # open, and in the handshake
        self._addresses: Counter[str] = Counter()
        self._shaking: set[asyncio.Task[None]] = set()
        self._ready: deque[Connection] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._held = 0
        self._read_at = 0.0
        self._paused = False
        self._nonce = new_nonce()
        self._count = 0
        self._said = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``; then read what had arrived and deliver it. ConfigError when the address cannot be had."""
        try:
            listener = new_socket(self.address, socket.SOCK_STREAM)
        except OSError as error:
            raise bind_error(self.name, self.address, "tcp", error) from error
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL)  # those accepted inherit it
        self.address = listener.getsockname()[:2]
        self.ready.set()
        tasks = [asyncio.create_task(part) for part in (self._accept(listener), self._sweep(), self._deliver(stop))]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(_QUIET / 4)  # who connected just before is let in
            tasks[0].cancel()
            listener.close()
            await self._read_out()
            await self._close_all(tasks[2])
        finally:
            stopping.cancel()
            for task in (*tasks, *self._shaking):
                task.cancel()
            listener.close()
            for connection in tuple(self._open):
                connection.abort()
            self.ready.clear()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    def entered(self, connection: Connection) -> None:
        self._open.add(connection)
        connection.read_at = asyncio.get_running_loop().time()
        if self._paused:
            connection.pause()
        self._signals.level("collector_connections", len(self._open), source=self.name)

    def arrived(self, connection: Connection, size: int) -> None:
        connection.read_at = self._read_at = asyncio.get_running_loop().time()
        self._held += size
        self._enqueue(connection)
        if connection.held >= self.high_water:
            connection.pause()
        if self._held >= self._buffer_bytes and not self._paused:
            self._paused = True
            for other in self._open:
                other.pause()

    def left(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._forget_address(connection.peer)
        self._enqueue(connection)
        self._signals.level("collector_connections", len(self._open), source=self.name)

    def _enqueue(self, connection: Connection) -> None:
        if not connection.queued and connection.waiting:
            connection.queued = True
            self._ready.append(connection)
            self._empty.clear()
            self._wake.set()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:  # out of descriptors or memory: those connected go on
                self._refused("accept", str(error))
                await asyncio.sleep(1.0)
                continue
            peer = str(address[0])
            if self._admitted >= self._most:
                sock.close()
                self._refused("connections", peer)
            elif self._addresses[peer] >= self._most_per_address:
                sock.close()
                self._refused("address", peer)
            else:
                self._admitted += 1
                self._addresses[peer] += 1
                task = asyncio.create_task(self._admit(sock, peer))
                self._shaking.add(task)
                task.add_done_callback(self._shaking.discard)

    async def _admit(self, sock: socket.socket, peer: str) -> None:
        """Make a connection of an accepted socket; with TLS after the handshake."""
        secure = Secure(self, peer, self._tls) if self._tls else None
        connection = secure or Plain(self, peer)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, sock)
            if secure:
                async with asyncio.timeout(_HANDSHAKE):
                    await secure.shaken
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            self._refused("handshake", f"{peer}: {error}")
        finally:
            if not connection.made:
                connection.abort()
                if not connection.attached:
                    sock.close()
                self._forget_address(peer)

    def _forget_address(self, peer: str) -> None:
        self._admitted -= 1
        self._addresses[peer] -= 1
        if self._addresses[peer] <= 0:
            del self._addresses[peer]

    def _refused(self, reason: str, detail: str) -> None:
        self._signals.count("collector_refused", source=self.name, reason=reason)
        now = time.monotonic()
        if now - self._said >= _SAY_AGAIN:
            self._said = now
            _log.warning("connection_refused", source=self.name, reason=reason, detail=detail, say_again_in=_SAY_AGAIN)

    async def _sweep(self) -> None:
        """Close connections that have been idle for too long."""
        while True:
            await asyncio.sleep(min(_SWEEP, self._idle / 2) if self._idle else _SWEEP)
            oldest = asyncio.get_running_loop().time() - self._idle
            for connection in tuple(self._open):
                if self._idle and connection.read_at < oldest and not connection.held:
                    self._signals.count("collector_closed", source=self.name, reason="idle")
                    connection.close()

    async def _deliver(self, stop: asyncio.Event) -> None:
        while True:
            await self._wake.wait()
            records, taken = self._collect()
            if records and not await deliver(self._inlet, Batch(records), stop, self.name):
                self._signals.count("collector_dropped", len(records), source=self.name, reason="stopping")
            for connection, size in taken:
                self._held -= size
                connection.held -= size
                if connection.held < self.high_water and not self._paused:
                    connection.resume()
            if self._paused and self._held < self._buffer_bytes // 2:
                self._paused = False
                for connection in self._open:
                    if connection.held < self.high_water:
                        connection.resume()
            if not self._ready:
                self._wake.clear()
                self._empty.set()

    def _collect(self) -> tuple[list[RawRecord], list[tuple[Connection, int]]]:
        """Records of the connections that wait, in turn, up to a batch; and whose bytes they were."""
        records: list[RawRecord] = []
        taken: list[tuple[Connection, int]] = []
        now, name, prefix, count = self._clock.now(), self.name, self._nonce, self._count
        while self._ready and len(records) < _BATCH_RECORDS:
            connection = self._ready.popleft()
            connection.queued = False
            frames, size, discarded = connection.cut()
            peer = connection.peer
            for frame in frames:
                records.append(RawRecord(name, f"{prefix}:{count}", frame.data, now, peer, frame.tags))
                count += 1
            taken.append((connection, size))
            if discarded:
                self._signals.count("collector_discarded_bytes", discarded, source=name)
        self._count = count
        return records, taken

    async def _read_out(self) -> None:
        """What was sent before the stop is in the kernel's buffers: read until nothing comes, and nobody waits for room."""
        loop = asyncio.get_running_loop()
        self._read_at, until = loop.time(), loop.time() + _LAST_READ
        while (self._open or self._shaking) and loop.time() < until:
            if self._held or self._shaking:
                self._read_at = loop.time()
            elif loop.time() - self._read_at >= _QUIET:
                return
            await asyncio.sleep(_QUIET / 4)

    async def _close_all(self, delivering: asyncio.Task[None]) -> None:
        """Deliver everything read, the unfinished frames too, and close."""
        for connection in tuple(self._open):
            connection.pause()
            connection.ended = True
            self._enqueue(connection)
        if not self._empty.is_set():
            emptied = asyncio.create_task(self._empty.wait())
            await asyncio.wait({emptied, delivering}, return_when=asyncio.FIRST_COMPLETED)
            emptied.cancel()
            if delivering.done():
                delivering.result()
        for connection in tuple(self._open):
            connection.close()
