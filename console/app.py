"""The analysts' console: one page, its JSON API, health and metrics. Needs the access token, secure by default."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from backbone.ports import Clock, EventStore, StateStore
from console.api import Api, answer
from console.live import Live
from console.problems import problem
from console.session import COOKIE, LIFETIME, Sessions

STATIC = Path(__file__).parent / "static"
OPEN = ("/healthz", "/readyz", "/session", "/static/", "/favicon.ico")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOG = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Console:
    """The console on ``host``:``port``.

    ``token_digest`` is the access token's SHA-256 in hex. ``health`` gives (healthy, ready, details), ``metrics``
    Prometheus text, ``overview`` the figures of the page's head.
    """

    def __init__(
        self,
        *,
        state: StateStore,
        events: EventStore,
        clock: Clock,
        token_digest: str,
        health: Callable[[], tuple[bool, bool, dict[str, Any]]],
        metrics: Callable[[], bytes],
        overview: Callable[[], dict[str, Any]],
        host: str = "127.0.0.1",
        port: int = 8080,
    ) -> None:
        self._clock, self._health, self._metrics = clock, health, metrics
        self._host, self._port = host, port
        self._sessions = Sessions(token_digest)
        self._live = Live(state)
        self._api = Api(state, events, clock, overview)

    def app(self) -> web.Application:
        """The application, to serve or to test."""
        app = web.Application(middlewares=[self._guard], client_max_size=64 * 1024)
        app.add_routes(self._api.routes())
        app.add_routes(
            [
                web.get("/", self._page),
                web.post("/session", self._log_in),
                web.delete("/session", self._log_out),
                web.get("/api/v1/stream", self._live.stream),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._show_metrics),
                web.get("/favicon.ico", self._icon),
                web.static("/static", STATIC),
            ]
        )
        return app

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``."""
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
            await self._live.run(stop)
        finally:
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets in who may, answers errors as problem documents, adds the security headers."""
        try:
            response = await (handler(request) if self._may(request) else self._refuse(request))
        except web.HTTPException as error:
            response = problem(error.status, error.reason)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            _LOG.exception("a request failed", path=request.path)
            response = problem(500, "Something went wrong here", "the log of role console says what")
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    def _may(self, request: web.Request) -> bool:
        if request.path.startswith(OPEN) or request.path == "/":
            return True
        if request.path == "/metrics" and request.remote in ("127.0.0.1", "::1"):
            return True
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._sessions.holds_token(token.strip())
        return self._sessions.lives(request.cookies.get(COOKIE, ""), self._clock.now())

    async def _refuse(self, request: web.Request) -> web.Response:
        return problem(401, "Log in first", "send `Authorization: Bearer TOKEN` with the access token of this installation")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        inside = self._sessions.lives(request.cookies.get(COOKIE, ""), self._clock.now())
        return web.FileResponse(STATIC / ("index.html" if inside else "login.html"), headers={"Cache-Control": "no-store"})

    async def _icon(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "tower.svg")

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("//")[2] != request.host:
            return problem(403, "This form came from another site")
        now = self._clock.now()
        if not self._sessions.may_try(request.remote or "", now):
            return web.Response(status=429, headers={"Retry-After": "60"}, text="Too many tries; wait a minute.")
        token = (await request.post()).get("token", "")
        if not isinstance(token, str) or not self._sessions.holds_token(token.strip()):
            _LOG.warning("log-in refused", peer=request.remote)
            return web.Response(status=303, headers={"Location": "/?wrong"})
        response = web.Response(status=303, headers={"Location": "/"})
        session = self._sessions.begin(now)
        life = LIFETIME // 1_000_000
        response.set_cookie(COOKIE, session, httponly=True, samesite="Strict", max_age=life, secure=request.secure)
        return response

    async def _log_out(self, request: web.Request) -> web.StreamResponse:
        self._sessions.end(request.cookies.get(COOKIE, ""))
        response = web.Response(status=204)
        response.del_cookie(COOKIE)
        return response

    async def _healthz(self, request: web.Request) -> web.StreamResponse:
        healthy, _, details = self._health()
        response = answer(details)
        response.set_status(200 if healthy else 503)
        return response

    async def _readyz(self, request: web.Request) -> web.StreamResponse:
        _, ready, details = self._health()
        response = answer(details)
        response.set_status(200 if ready else 503)
        return response

    async def _show_metrics(self, request: web.Request) -> web.StreamResponse:
        body = await asyncio.to_thread(self._metrics)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
