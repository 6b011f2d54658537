"""One syslog connection: what was read and not yet cut, and the framer that cuts it."""

import asyncio
import contextlib
import ssl
from typing import Any, Final, Protocol

from collector.framing import Frame, Framer

_RECORDS: Final = 64 << 10


class Host(Protocol):
    """The server a connection belongs to."""

    limit: int
    buffer: bytearray

    def entered(self, connection: "Connection") -> None: ...

    def arrived(self, connection: "Connection", size: int) -> None: ...

    def left(self, connection: "Connection") -> None: ...


class Connection(asyncio.BufferedProtocol):
    """Keeps what came, and says so. ``held`` is bytes read and not yet durable. See ``Plain`` and ``Secure``."""

    def __init__(self, host: Host, peer: str) -> None:
        self.peer = peer
        self.held = 0
        self.read_at = 0.0
        self.made = False
        self.ended = False
        self.queued = False
        self._host = host
        self._framer = Framer(host.limit)
        self._chunks: list[bytes] = []
        self._paused = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.made = True
        self._host.entered(self)

    def take(self, data: bytes) -> None:
        """What was read."""
        self._chunks.append(data)
        self.held += len(data)
        self._host.arrived(self, len(data))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._host.left(self)

    @property
    def attached(self) -> bool:
        """Whether a transport owns the socket."""
        return self._transport is not None

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


class Plain(Connection):
    """TCP: read into the server's buffer and copied, so that a byte is copied once."""

    def __init__(self, host: Host, peer: str) -> None:
        super().__init__(host, peer)
        self._view = memoryview(host.buffer)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self.take(bytes(self._view[:nbytes]))


class Secure(Plain):
    """TLS over a plain transport. ``shaken`` is done when the handshake is; before that the server knows nothing of us.

    The event loops' own TLS drops what it holds undecrypted when a peer closes while we read slowly: here everything read is
    decrypted at once, and reading slowly leaves bytes in the kernel, where closing does not harm them.
    """

    def __init__(self, host: Host, peer: str, context: ssl.SSLContext) -> None:
        super().__init__(host, peer)
        self.shaken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_side=True)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def buffer_updated(self, nbytes: int) -> None:
        self._received.write(self._view[:nbytes])
        if not self.made and not self._shake():
            return
        parts, over = [], False
        try:
            while part := self._tls.read(_RECORDS):
                parts.append(part)
            over = True  # the peer said good-bye
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            over = True
        self._send()
        if parts:
            self.take(b"".join(parts))
        if over:
            self.close()

    def _shake(self) -> bool:
        """A step of the handshake; True when it is done."""
        if self.shaken.done():
            return False
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
            return False
        except ssl.SSLError as error:
            self._send()
            self.shaken.set_exception(error)
            return False
        self._send()
        self.made = True
        self.shaken.set_result(None)
        self._host.entered(self)
        return True

    def _send(self) -> None:
        if self._transport is not None and self._to_send.pending:
            self._transport.write(self._to_send.read())

    def connection_lost(self, exc: Exception | None) -> None:
        if self.made:
            super().connection_lost(exc)
        elif not self.shaken.done():
            self.shaken.set_exception(ConnectionResetError("closed during the handshake"))

    def close(self) -> None:
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._send()
        super().close()
