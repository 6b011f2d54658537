"""Reports to the national API (a simulation of our own design: no public one exists) over HTTP.

The key travels in the Authorization header and nowhere else. What only the API itself can say (an RFC 9457 problem document
with a 4xx status) refuses a report; anything else, a proxy's page included, means "try again".
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from model import ConfigError, Receipt, RefusedError, RetryError
from notifier.receipts import key_id, read_key
from notifier.sinks.sink import Parcel

PROBLEM: Final = "application/problem+json"
LARGEST: Final = 1 << 20
LATER: Final = frozenset({401, 403, 408, 425, 429})
"""Not about the report itself: a key can be repaired, a storm passes."""


class _Key(msgspec.Struct):
    id: str
    alg: str
    public_key: str


class _Keys(msgspec.Struct):
    keys: list[_Key]


class _Answer(msgspec.Struct):
    receipt: Receipt


class NationalApi:
    """A Sink. ``url`` is the API's root (``http://127.0.0.1:8099``), ``key`` the organisation's key.

    ``timeout`` and ``connect_timeout`` in seconds. ``ca`` is a PEM file to trust instead of the system's authorities.
    """

    def __init__(self, *, url: str, key: str, timeout: float = 10.0, connect_timeout: float = 3.0, ca: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(f"national API: {url!r} is no address; write it as https://host:port")
        if not key or not key.isascii() or not key.isprintable():
            raise ConfigError("national API: the key is empty or has characters a header cannot carry")
        self._root = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=connect_timeout)
        self._ca = ca
        self._session: aiohttp.ClientSession | None = None

    @property
    def name(self) -> str:
        """For logs and signals."""
        return "national_api"

    async def deliver(self, parcel: Parcel) -> Receipt:
        """POST the first report, PATCH a later one."""
        headers = {"Idempotency-Key": parcel.key, "Content-Type": "application/json"}
        if parcel.national_id:
            headers["If-Match"] = f'"{parcel.seen}"'
            place = f"/api/v1/incidents/{quote(parcel.national_id, safe='')}"
            answer = await self._ask("PATCH", place, parcel.body, headers)
        else:
            answer = await self._ask("POST", "/api/v1/incidents", parcel.body, headers)
        try:
            return msgspec.json.decode(answer, type=_Answer).receipt
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RetryError(f"the national API at {self._root} gave no receipt; is that the right address?") from error

    async def keys(self) -> Mapping[str, bytes]:
        """GET /api/v1/keys; a key whose id is not its own hash is left out."""
        answer = await self._ask("GET", "/api/v1/keys", None, {})
        try:
            listed = msgspec.json.decode(answer, type=_Keys).keys
            raw = {k.id: read_key(k.public_key) for k in listed if k.alg == "Ed25519"}
        except (msgspec.DecodeError, UnicodeDecodeError, ConfigError) as error:
            raise RetryError(f"the national API at {self._root} gave no readable keys; is that the right address?") from error
        return {id: key for id, key in raw.items() if key_id(key) == id}

    async def close(self) -> None:
        """Close connections."""
        if self._session:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, place: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        session = self._session or self._open()
        try:
            async with session.request(
                method, self._root + place, data=body, headers=self._headers | headers, allow_redirects=False
            ) as response:
                answer = await _whole(response)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError, asyncio.IncompleteReadError) as error:
            raise RetryError(f"the national API at {self._root} cannot be reached ({_said(error)}); will try again") from error
        if response.status in {200, 201}:
            return answer
        raise self._complaint(response, answer)

    def _open(self) -> aiohttp.ClientSession:
        context = ssl.create_default_context(cafile=self._ca) if self._ca else True
        connector = aiohttp.TCPConnector(limit=32, ssl=context)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=self._timeout, auto_decompress=False, skip_auto_headers=("Accept-Encoding",)
        )
        return self._session

    def _complaint(self, response: aiohttp.ClientResponse, answer: bytes) -> RefusedError | RetryError:
        status, spoken = response.status, response.content_type == PROBLEM
        detail = _detail(answer) if spoken else ""
        said = f"the national API at {self._root} answered {status}{': ' + detail if detail else ''}"
        if spoken and 400 <= status < 500 and status not in LATER:
            return RefusedError(f"{said}; the report needs a person")
        if status in {401, 403}:
            return RetryError(f"{said}; check the organisation's key", 30.0)
        return RetryError(f"{said}; will try again", _seconds(response.headers.get("Retry-After", "")))


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_chunked(65_536):
        size += len(part)
        if size > LARGEST:
            raise aiohttp.ClientPayloadError("an answer of more than 1 MiB")
        parts.append(part)
    return b"".join(parts)


def _detail(answer: bytes) -> str:
    try:
        problem: Any = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    text = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else ""
    return " ".join(str(text or "").split())[:300]


def _seconds(header: str) -> float | None:
    return float(header) if header.isascii() and header.isdecimal() and len(header) < 10 else None


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:200]
