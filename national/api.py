"""The JSON API under /api/v1: HTTP in, jobs of ``registry.py``, HTTP out."""

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from model import Micros
from model.moment import SECOND, to_local, to_rfc3339
from national import registry
from national.auth import Doors, Organisation
from national.limits import Bucket
from national.problems import Refusal
from national.receipts import Signer
from national.registry import Answer, Entry
from national.schema import moment, read_object, read_report
from national.store import Store

LARGEST: Final = 1 << 20
PAGE: Final = 200
_log = structlog.get_logger()


class Api:
    """Routes of the API. ``rate`` is requests/s an organisation may make (burst twice that), 0 for no limit."""

    def __init__(self, *, store: Store, signer: Signer, doors: Doors, now: Callable[[], Micros], rate: float) -> None:
        self._store, self._signer, self._doors, self._now, self._rate = store, signer, doors, now, rate
        self._buckets: dict[str, Bucket] = {}

    def routes(self) -> list[web.RouteDef]:
        """For ``Application.add_routes``."""
        return [
            web.post("/api/v1/incidents", self.submit),
            web.get("/api/v1/incidents", self.list),
            web.get("/api/v1/incidents/{id}", self.show),
            web.patch("/api/v1/incidents/{id}", self.revise),
            web.get("/api/v1/keys", self.keys),
            web.get("/api/v1/clock", self.clock),
        ]

    async def submit(self, request: web.Request) -> web.Response:
        """POST /api/v1/incidents"""
        organisation, key = self._enter(request), _idempotency_key(request)
        body = await read_body(request)
        report, signer, now = read_report(body), self._signer, self._now()
        answer = await self._store.run(lambda db: registry.submit(db, signer, now, organisation.code, key, body, report))
        _log.info("incident received", national_id=answer.national_id, severity=report.severity, replayed=answer.replayed)
        return _respond(answer, {"Location": f"/api/v1/incidents/{answer.national_id}"})

    async def revise(self, request: web.Request) -> web.Response:
        """PATCH /api/v1/incidents/{id}"""
        organisation, key, expected = self._enter(request), _idempotency_key(request), _if_match(request)
        body = await read_body(request)
        changes, signer, now, id = read_object(body), self._signer, self._now(), request.match_info["id"]
        if "revision" not in changes:
            place = [{"pointer": "/revision", "detail": "required"}]
            raise Refusal(422, "A change must carry the number of its revision.", errors=place)
        answer = await self._store.run(
            lambda db: registry.revise(db, signer, now, organisation.code, key, body, id, expected, changes)
        )
        _log.info("incident revised", national_id=answer.national_id, replayed=answer.replayed)
        return _respond(answer, {})

    async def show(self, request: web.Request) -> web.Response:
        """GET /api/v1/incidents/{id}"""
        organisation, id = self._enter(request), request.match_info["id"]
        entry, receipts = await self._store.run(lambda db: (registry.find(db, id, organisation.code), registry.receipts(db, id)))
        return _json(
            _outline(entry) | {"report": json.loads(entry.report), "receipts": receipts}, {"ETag": f'"{entry.revision}"'}
        )

    async def list(self, request: web.Request) -> web.Response:
        """GET /api/v1/incidents: in the order they changed; ``next`` is the cursor of the page after, null at the end."""
        organisation = self._enter(request)
        limit = _whole(request, "limit", PAGE, 1, PAGE)
        after = _whole(request, "cursor", 0, 0, 2**53)
        updated_after = _time(request, "updated_after")
        entries = await self._store.run(lambda db: registry.listed(db, organisation.code, after, updated_after, limit + 1))
        more = str(entries[limit - 1].change) if len(entries) > limit else None
        return _json({"incidents": [_outline(e) for e in entries[:limit]], "next": more})

    async def keys(self, request: web.Request) -> web.Response:
        """GET /api/v1/keys: public, so that anybody can verify a receipt."""
        return _json({"keys": self._signer.keys()})

    async def clock(self, request: web.Request) -> web.Response:
        """GET /api/v1/clock"""
        now = self._now()
        return _json({"now": to_rfc3339(now), "local": to_local(now), "zone": "+07:00"})

    def _enter(self, request: web.Request) -> Organisation:
        organisation = self._doors.organisation(request)
        if self._rate > 0:
            bucket = self._buckets.setdefault(organisation.code, Bucket(self._rate, 2 * self._rate))
            if wait := bucket.take(self._now()):
                seconds = str(max(1, int(wait + 1)))
                raise Refusal(429, f"More than {self._rate:g} requests a second.", headers={"Retry-After": seconds})
        return organisation


async def read_body(request: web.Request) -> bytes:
    """The JSON bytes of a request; Refusal 411, 413 or 415 before anything is read."""
    if request.content_length is None:
        raise Refusal(411, "Send Content-Length; a body of unknown length is not read.")
    if request.content_length > LARGEST:
        raise Refusal(413, f"The body is larger than {LARGEST} bytes.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal(415, "Send the body uncompressed.")
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise Refusal(415, "Send the body as application/json in UTF-8.", headers={"Accept": "application/json"})
    return await request.read()


def _idempotency_key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        raise Refusal(428, "Send an Idempotency-Key, so that a repeat is known as one.")
    if len(key) > 200 or not key.isascii() or not key.isprintable():
        raise Refusal(400, "Idempotency-Key must be 1 to 200 printable ASCII characters.")
    return key


def _if_match(request: web.Request) -> int | None:
    text = request.headers.get("If-Match", "").strip()
    if not text:
        raise Refusal(428, 'Send If-Match with the ETag you know ("3"), or * for any.')
    if text == "*":
        return None
    number = text[1:-1]
    quoted = len(text) > 2 and text[0] == text[-1] == '"'
    if not quoted or not (number.isascii() and number.isdecimal()) or len(number) > 10:
        raise Refusal(412, "No revision has this ETag; read the incident again.")
    return int(number)


def _whole(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query.get(name, "")
    if not text and name not in request.query:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > 16 or not low <= int(text) <= high:
        raise Refusal(400, f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def _time(request: web.Request, name: str) -> Micros:
    # A plus sign in a query means a space unless it is escaped; an offset that lost its plus is still understood.
    text = request.query.get(name)
    if text is None:
        return -(2**62)
    try:
        return moment(text[:19] + text[19:].replace(" ", "+"))
    except ValueError as error:
        raise Refusal(400, f"{name}: {error}.") from error


def _outline(entry: Entry) -> dict[str, Any]:
    report = msgspec.json.decode(entry.report)
    return {
        "national_id": entry.national_id,
        "local_id": report["local_id"],
        "revision": entry.revision,
        "severity": entry.severity,
        "kind": entry.kind,
        "title": report["title"],
        "detected_at": to_rfc3339(entry.detected_at),
        "received_at": to_rfc3339(entry.received_at),
        "updated_at": to_rfc3339(entry.updated_at),
        "notice_seconds": round((entry.received_at - entry.detected_at) / SECOND, 3),
    }


def _json(value: Any, headers: dict[str, str] | None = None) -> web.Response:
    body = json.dumps(value, ensure_ascii=False).encode()
    return web.Response(body=body, content_type="application/json", headers=headers)


def _respond(answer: Answer, headers: dict[str, str]) -> web.Response:
    said = headers | {"ETag": answer.etag} | ({"Idempotent-Replayed": "true"} if answer.replayed else {})
    return web.Response(status=answer.status, body=answer.body, content_type="application/json", headers=said)
