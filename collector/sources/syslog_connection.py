"""One syslog connection: what was read and not yet cut, and the framer that cuts it."""

import asyncio
from typing import Any, Protocol

from collector.framing import Frame, Framer


class Host(Protocol):
    """The server a connection belongs to."""

    limit: int
    buffer: bytearray

    def entered(self, connection: "Connection") -> None: ...

    def arrived(self, connection: "Connection", size: int) -> None: ...

    def left(self, connection: "Connection") -> None: ...


class Connection(asyncio.BufferedProtocol):
    """Reads into the server's buffer, copies what came, and says so. ``held`` is bytes read and not yet durable."""

    def __init__(self, host: Host, peer: str) -> None:
        self.peer = peer
        self.held = 0
        self.read_at = 0.0
        self.made = False
        self.ended = False
        self.queued = False
        self._host = host
        self._view = memoryview(host.buffer)
        self._framer = Framer(host.limit)
        self._chunks: list[bytes] = []
        self._paused = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.made = True
        self._host.entered(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self._chunks.append(bytes(self._view[:nbytes]))
        self.held += nbytes
        self._host.arrived(self, nbytes)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._host.left(self)

    @property
    def waiting(self) -> bool:
        """Whether ``cut`` has something to do."""
        return bool(self._chunks) or (self.ended and self._framer.held > 0)

    def cut(self) -> tuple[list[Frame], int, int]:
        """Frames of everything read (of the unfinished one too, when ended), how many bytes that was, how many were discarded."""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        before = self._framer.discarded
        frames = self._framer.feed(data)
        if self.ended:
            frames += self._framer.finish()
        return frames, len(data), self._framer.discarded - before

    def pause(self) -> None:
        if not self._paused and not self.ended and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and not self.ended and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
