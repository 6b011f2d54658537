"""The simulated national monitoring API: a server of its own that shares only ``model/`` with the rest.

A simulation of our own design: no national centre publishes an API. Start reading here; ``registry.py`` has the rules,
``api.py`` the HTTP, ``pages.py`` what the operator sees, ``faults.py`` what goes wrong on purpose.
"""

import asyncio
import json
import random
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import ValidationError

from model import ConfigError, Micros
from national import openapi
from national.api import LARGEST, Api, read_body
from national.auth import Doors, Organisation
from national.faults import FaultMaker, Faults
from national.pages import Pages
from national.problems import Refusal, answer
from national.receipts import Signer
from national.schema import refusal
from national.store import Store

FAULTY: Final = "/api/v1/incidents"
HEADERS: Final = {
    "Server": "vonggac-national",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_log = structlog.get_logger()


def wall_clock() -> Micros:
    """The machine's time."""
    return time.time_ns() // 1_000


def create_app(
    *,
    folder: Path,
    organisations: Sequence[Organisation],
    operator_token: str,
    faults: Faults | None = None,
    rate: float = 1_000.0,
    now: Callable[[], Micros] = wall_clock,
    dice: Callable[[], float] = random.random,
) -> web.Application:
    """The application. ``folder`` holds its database and private key, made when missing (mode 0700).

    ``rate`` is requests/s an organisation may make (0: no limit). ConfigError for bad settings.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    store, signer = Store(folder / "national.db"), Signer(folder / "receipt-key.pem")
    doors, maker, stopping = Doors(organisations, operator_token), FaultMaker(faults or Faults(), dice), asyncio.Event()
    app = web.Application(client_max_size=LARGEST, middlewares=[_problems, _faulty(maker, stopping)])
    app.add_routes(Api(store=store, signer=signer, doors=doors, now=now, rate=rate).routes())
    app.add_routes(Pages(store=store, doors=doors, now=now).routes())
    app.add_routes(_simulation(maker, doors))
    app.add_routes(_documents(store))

    async def opened(app: web.Application) -> None:
        store.open()

    async def stopped(app: web.Application) -> None:
        stopping.set()

    async def closed(app: web.Application) -> None:
        await store.close()

    app.on_startup.append(opened)
    app.on_shutdown.append(stopped)
    app.on_cleanup.append(closed)
    return app


async def serve(
    app: web.Application,
    stop: asyncio.Event,
    *,
    host: str = "127.0.0.1",
    port: int = 8099,
    tls: ssl.SSLContext | None = None,
    started: Callable[[int], None] | None = None,
) -> None:
    """Serve ``app`` until ``stop``; ``started`` gets the port (0 asks for a free one). ConfigError when the port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=512)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(f"national API: cannot listen on {host}:{port} ({error.strerror}); choose another port") from error
        bound = int(runner.addresses[0][1])
        _log.info("simulated national API listens", host=host, port=bound)
        if started:
            started(bound)
        await stop.wait()
    finally:
        await runner.cleanup()


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong becomes a problem document."""
    response: web.StreamResponse
    try:
        response = await handler(request)
    except Refusal as error:
        response = answer(error)
    except web.HTTPRedirection as error:
        response = web.Response(status=error.status, headers={"Location": error.headers["Location"]})
    except web.HTTPException as error:
        kept = {k: v for k, v in error.headers.items() if k in {"Allow", "Retry-After"}}
        response = answer(Refusal(error.status, error.reason + ".", headers=kept))
    except Exception:
        _log.exception("national API: request failed", method=request.method)
        response = answer(Refusal(500, "Something went wrong on this side; the request may be repeated with the same key."))
    response.headers.update(HEADERS)
    return response


def _faulty(maker: FaultMaker, stopping: asyncio.Event) -> Middleware:
    @web.middleware
    async def faulty(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Go wrong on purpose, as switched on."""
        if not request.path.startswith(FAULTY):
            return await handler(request)
        if seconds := maker.delay():
            await _idle(seconds, request, stopping)
        fault = maker.draw()
        if fault == "error":
            raise Refusal(503, "Simulated fault: nothing was stored.")
        if fault == "storm":
            raise Refusal(429, "Simulated fault: too many requests.", headers={"Retry-After": str(maker.faults.retry_after)})
        response = await handler(request)
        if fault == "timeout":
            await _idle(maker.faults.hang_seconds, request, stopping)
            if request.transport:
                request.transport.abort()
        return response

    return faulty


async def _idle(seconds: float, request: web.Request, stopping: asyncio.Event) -> None:
    """Wait, but no longer than the client does or the server lives."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stopping.is_set():
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(min(0.05, left))


def _simulation(maker: FaultMaker, doors: Doors) -> list[web.RouteDef]:
    async def show(request: web.Request) -> web.Response:
        doors.operator(request)
        return web.json_response({"faults": maker.faults.model_dump(), "counts": dict(maker.counts)})

    async def change(request: web.Request) -> web.Response:
        doors.operator(request)
        try:
            maker.faults = Faults.model_validate_json(await read_body(request))
        except ValidationError as error:
            raise refusal(error) from error
        _log.warning("simulated faults", **maker.faults.model_dump())
        return web.json_response({"faults": maker.faults.model_dump(), "counts": dict(maker.counts)})

    return [web.get("/simulation/faults", show), web.post("/simulation/faults", change)]


def _documents(store: Store) -> list[web.RouteDef]:
    as_json = json.dumps(openapi.document(), ensure_ascii=False).encode()
    as_yaml = openapi.as_yaml()

    async def show_json(request: web.Request) -> web.Response:
        return web.Response(body=as_json, content_type="application/json")

    async def show_yaml(request: web.Request) -> web.Response:
        return web.Response(text=as_yaml, content_type="application/yaml", charset="utf-8")

    async def health(request: web.Request) -> web.Response:
        try:
            await asyncio.wait_for(store.run(lambda db: db.execute("SELECT 1").fetchone()), 2.0)
        except Exception as error:
            raise Refusal(503, "The store does not answer.") from error
        return web.json_response({"status": "ok"})

    return [web.get("/openapi.json", show_json), web.get("/openapi.yaml", show_yaml), web.get("/healthz", health)]
