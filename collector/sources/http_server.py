"""aiohttp's server with a bound on connections and on how long one may take to send its first request."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

_FIRST_REQUEST: Final = 30.0
_SHUTDOWN: Final = 5.0


class _Closing(asyncio.Protocol):
    """What a connection beyond the bound gets."""

    def connection_made(self, transport: Any) -> None:
        transport.abort()


class HttpServer:
    """``app`` on one listening socket. ``refused`` is called with a reason for every connection closed unheard."""

    def __init__(self, app: web.Application, refused: Callable[[str], None], *, max_connections: int) -> None:
        self._runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, shutdown_timeout=_SHUTDOWN, handle_signals=False
        )
        self._refused = refused
        self._max_connections = max_connections
        self._new: dict[Any, float] = {}
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None
        app.middlewares.append(self._heard)

    async def start(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        await self._runner.setup()
        self._server = await asyncio.get_running_loop().create_server(self._connect, sock=listener, ssl=tls)
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Take no more connections, let requests in hand end, close."""
        if self._server is not None:
            self._server.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self._runner.cleanup()

    def _connect(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        assert server is not None  # noqa: S101
        if len(server.connections) >= self._max_connections:
            self._refused("connections")
            return _Closing()
        connection = server()
        self._new[connection] = asyncio.get_running_loop().time()
        return connection

    @web.middleware
    async def _heard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self._new.pop(request.protocol, None)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _sweep(self) -> None:
        """A connection that never finishes its first request's head is closed."""
        while True:
            await asyncio.sleep(_FIRST_REQUEST / 6)
            oldest = asyncio.get_running_loop().time() - _FIRST_REQUEST
            for connection, since in tuple(self._new.items()):
                if connection.transport is None and since < oldest - _FIRST_REQUEST:
                    del self._new[connection]
                elif since < oldest:
                    del self._new[connection]
                    if connection.transport is not None:
                        self._refused("silent")
                        connection.transport.abort()
