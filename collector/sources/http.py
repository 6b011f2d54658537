"""Ingest over HTTP: ``POST /ingest`` or ``/ingest/{source}``, answered only after the records are durable.

JSON (a value or an array), JSON lines or text lines, gzip or not. With ``Idempotency-Key`` a repeat is answered as the first
time and stores nothing: the key is a checkpoint in the commit of its records. ``GET /healthz`` needs no key.

Signals: collector_http_requests{source,status}, collector_http_seconds{source}, collector_refused{source,reason=connections}.
"""

import asyncio
import socket
import ssl
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Final

import msgspec
import structlog
from aiohttp import web

from backbone.ports import Clock, Journal
from backbone.signals import Signals
from collector.sources.http_access import Keys, ProblemError
from collector.sources.http_body import BodyError, Cut, Limits, cut, unpack
from collector.sources.http_server import HttpServer
from collector.sources.listen import bind_error, new_socket
from collector.sources.source import Inlet, new_nonce, pause
from model import BackboneError, FullError, RawRecord
from model.moment import HOUR

_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_THREAD_FROM: Final = 256 << 10  # bytes from which a body is unpacked beside the event loop
_FORGET_EVERY: Final = 600.0
_MOST_NAMES: Final = 100

_log = structlog.get_logger()


class Answer(msgspec.Struct, frozen=True):
    """What a request was answered; kept under its idempotency key with the digest of its body."""

    accepted: int
    unparsed: int
    digest: str


class Http:
    """One listening address. ``keys``: id → SHA-256 hex of the key; without any, every request is refused.

    ``names``: source names allowed in the path besides ``name`` (None: any, up to 100 different ones).
    Bytes: ``max_body`` as sent, ``max_unpacked`` after gzip (and at most ``max_ratio`` times as much), ``max_record`` one
    record (cut and tagged beyond), ``max_in_flight`` all bodies in hand. ``max_requests`` at once, ``max_connections`` open.
    Seconds: ``body_timeout`` to send the body, ``commit_timeout`` to become durable. ``remember``: hours an idempotency key
    is known.
    """

    def __init__(
        self,
        *,
        name: str,
        host: str,
        port: int,
        keys: Mapping[str, str],
        inlet: Inlet,
        bus: Journal,
        signals: Signals,
        clock: Clock,
        names: Collection[str] | None = None,
        tls: ssl.SSLContext | None = None,
        max_body: int = 10 << 20,
        max_unpacked: int = 64 << 20,
        max_ratio: int = 200,
        max_records: int = 50_000,
        max_record: int = 1 << 20,
        max_in_flight: int = 256 << 20,
        max_requests: int = 64,
        max_connections: int = 1_000,
        body_timeout: float = 30.0,
        commit_timeout: float = 30.0,
        remember: float = 24.0,
    ) -> None:
        self.name = name
        self.address = (host, port)
        """Where it listens; the real port once ``ready`` is set (``port=0`` takes a free one)."""
        self.ready = asyncio.Event()
        self._keys = Keys(keys)
        self._inlet = inlet
        self._bus = bus
        self._signals = signals
        self._clock = clock
        self._names = None if names is None else {*names, name}
        self._seen_names = {name}
        self._tls = tls
        self._limits = Limits(max_unpacked, max_ratio, max_records, max_record)
        self._max_body = max_body
        self._max_in_flight = max_in_flight
        self._max_requests = max_requests
        self._max_connections = max_connections
        self._body_timeout = body_timeout
        self._commit_timeout = commit_timeout
        self._remember = int(remember * HOUR)
        self._nonce = new_nonce()
        self._count = 0
        self._requests = 0
        self._in_flight = 0
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``; requests in hand are answered first. ConfigError when the address cannot be had."""
        try:
            listener = new_socket(self.address, socket.SOCK_STREAM)
        except OSError as error:
            raise bind_error(self.name, self.address, "tcp", error) from error
        self.address = listener.getsockname()[:2]
        app = web.Application(client_max_size=self._max_body)
        app.router.add_post("/ingest", self._ingest)
        app.router.add_post("/ingest/{source}", self._ingest)
        app.router.add_get("/healthz", self._health)
        server = HttpServer(app, self._refused, max_connections=self._max_connections)
        await server.start(listener, self._tls)
        self.ready.set()
        try:
            while not stop.is_set():
                await self._bus.forget("http:", self._clock.now() - self._remember)
                await pause(stop, _FORGET_EVERY)
        finally:
            self.ready.clear()
            await server.stop()

    def _refused(self, reason: str) -> None:
        self._signals.count("collector_refused", source=self.name, reason=reason)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ingest(self, request: web.Request) -> web.Response:
        """One request: who, room, body, records, durable, answer."""
        started = asyncio.get_running_loop().time()
        try:
            response = await self._admit(request)
        except ProblemError as refused:
            response = refused.answer()
        except BodyError as error:
            response = ProblemError(error.status, str(error)).answer()
        except FullError:
            response = ProblemError(503, "There is no room for more records now; send them again.", retry_after=5).answer()
        except (BackboneError, TimeoutError):
            response = ProblemError(
                503, "The records could not be made durable in time; send them again.", retry_after=5
            ).answer()
        self._signals.count("collector_http_requests", source=self.name, status=str(response.status))
        self._signals.took("collector_http_seconds", asyncio.get_running_loop().time() - started, source=self.name)
        return response

    async def _admit(self, request: web.Request) -> web.Response:
        owner = self._keys.owner(request)
        source = self._source(request)
        key = _idempotency_key(request)
        if self._requests >= self._max_requests:
            raise ProblemError(429, f"{self._requests} requests are in hand; send this one again in a moment.", retry_after=1)
        self._requests += 1
        held = [0]
        try:
            body = await self._body(request, held)
            if key:
                return await self._once(f"http:{source}:{owner}:{key}", source, f"{owner}:{key}", body, request)
            self._count += 1
            found = await self._cut(body, request)
            await self._take(source, f"{self._nonce}:{self._count}", found, request, {})
            return _answer(Answer(len(found.records), found.unparsed, ""))
        finally:
            self._requests -= 1
            self._in_flight -= held[0]

    def _source(self, request: web.Request) -> str:
        source = request.match_info.get("source", self.name)
        known = source in (self._names if self._names is not None else self._seen_names)
        fits = 0 < len(source) <= 64 and _NAME.issuperset(source)
        if not known and (self._names is not None or not fits or len(self._seen_names) >= _MOST_NAMES):
            raise ProblemError(404, f"There is no source {source[:64]!r}; use one that is configured, or /ingest.")
        self._seen_names.add(source)
        return source

    async def _body(self, request: web.Request, held: list[int]) -> bytes:
        """The body unpacked. ``held`` grows by what it takes of the room for all bodies."""
        if (request.content_length or 0) > self._max_body:
            raise ProblemError(413, f"The body is larger than {self._max_body} bytes; send less at a time.")
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_timeout):
                async for part in request.content.iter_any():
                    size += len(part)
                    if size > self._max_body:
                        raise ProblemError(413, f"The body is larger than {self._max_body} bytes; send less at a time.")
                    self._hold(len(part), held)
                    parts.append(part)
        except TimeoutError:
            raise ProblemError(408, f"The body did not come within {self._body_timeout:g} seconds.") from None
        packed, encoding = b"".join(parts), request.headers.get("Content-Encoding", "").strip().lower()
        if len(packed) < _THREAD_FROM:
            body = unpack(packed, encoding, self._limits)
        else:
            body = await asyncio.to_thread(unpack, packed, encoding, self._limits)
        self._hold(len(body), held)
        return body

    def _hold(self, size: int, held: list[int]) -> None:
        if self._in_flight + size > self._max_in_flight:
            raise ProblemError(503, "Too many bytes are in hand; send this request again in a moment.", retry_after=1)
        self._in_flight += size
        held[0] += size

    async def _cut(self, body: bytes, request: web.Request) -> Cut:
        kind = request.content_type if "Content-Type" in request.headers else ""
        if len(body) < _THREAD_FROM:
            return cut(body, kind, self._limits)
        return await asyncio.to_thread(cut, body, kind, self._limits)

    async def _take(self, source: str, prefix: str, found: Cut, request: web.Request, checkpoints: Mapping[str, bytes]) -> None:
        now, peer = self._clock.now(), request.remote or ""
        records = [RawRecord(source, f"{prefix}:{n}", data, now, peer, tags) for n, (data, tags) in enumerate(found.records)]
        async with asyncio.timeout(self._commit_timeout):
            await self._inlet.take(records, checkpoints)

    async def _once(self, name: str, source: str, prefix: str, body: bytes, request: web.Request) -> web.Response:
        """With an idempotency key: store the first time, repeat the answer later. The same key waits for itself."""
        digest = sha256(request.content_type.encode() + b"\0" + body).hexdigest()
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = (lock, users + 1)
        try:
            async with lock:
                kept = await self._bus.checkpoint(name)
                if kept is not None:
                    answer = msgspec.json.decode(kept, type=Answer)
                    if answer.digest != digest:
                        raise ProblemError(422, "This Idempotency-Key was used with another body; use a new key.")
                    return _answer(answer, repeated=True)
                found = await self._cut(body, request)
                answer = Answer(len(found.records), found.unparsed, digest)
                await self._take(source, prefix, found, request, {name: msgspec.json.encode(answer)})
                return _answer(answer)
        finally:
            lock, users = self._locks.pop(name)
            if users > 1:
                self._locks[name] = (lock, users - 1)


def _idempotency_key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > 255 or not key.isascii() or not key.isprintable():
        raise ProblemError(400, "Idempotency-Key must be at most 255 printable ASCII characters.")
    return key


def _answer(answer: Answer, *, repeated: bool = False) -> web.Response:
    headers = {"Idempotency-Replayed": "true"} if repeated else {}
    return web.json_response({"accepted": answer.accepted, "unparsed": answer.unparsed}, headers=headers)
