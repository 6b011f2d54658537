"""The way to an Elasticsearch cluster: access, what can go wrong as one sentence each, waiting between attempts.

What the client says is many lines of its own classes; here it becomes BackboneError, FullError or ConfigError. Names and
passwords never stand in them.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch, ConnectionTimeout, SSLError, TransportError, UnsupportedProductError
from elasticsearch import ConnectionError as NoConnection

from model import BackboneError, ConfigError, FullError, VonggacError

MAJOR: Final = 8
PASSING: Final = frozenset({429, 502, 503, 504})
"""Answers that another try may change: too many requests, not ready."""


@dataclass(frozen=True)
class Access:
    """Where the cluster is and who we are. ``ca`` is a file of PEM certificates; ``timeout`` in seconds, for one request."""

    urls: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    ca: str = ""
    timeout: float = 60.0

    @property
    def where(self) -> str:
        """The addresses, without what somebody may have written into them."""
        return ", ".join(url.rpartition("@")[2] if "@" in url else url for url in self.urls)

    def client(self) -> AsyncElasticsearch:
        """A client that does not retry by itself: that is decided here."""
        more: dict[str, Any] = {}
        if self.api_key:
            more["api_key"] = self.api_key
        elif self.user:
            more["basic_auth"] = (self.user, self.password)
        if self.ca:
            more["ca_certs"] = self.ca
        return AsyncElasticsearch(list(self.urls), request_timeout=self.timeout, max_retries=0, retry_on_timeout=False, **more)


async def connect(access: Access) -> AsyncElasticsearch:
    """A client of a cluster that answers and is of our major version; ConfigError or BackboneError otherwise."""
    try:
        client = access.client()
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"The access to Elasticsearch at {access.where} cannot be used: {error}; correct the settings."
        ) from None
    try:
        version = await _version(client)
    except BaseException as error:
        await client.close()
        if isinstance(error, ApiError | TransportError):
            raise told(error, access.where) from None
        raise
    if version.partition(".")[0] != str(MAJOR):
        await client.close()
        raise ConfigError(f"Elasticsearch at {access.where} is version {version}; version {MAJOR} (8.19 or later) is needed.")
    return client


async def _version(client: AsyncElasticsearch) -> str:
    try:
        return str((await client.info())["version"]["number"])
    except ApiError as error:
        if error.status_code not in (400, 404, 405):
            raise
    nodes = (await client.nodes.info(filter_path="nodes.*.version"))["nodes"]  # a distribution without GET /
    return min(str(node["version"]) for node in nodes.values())


def told(error: ApiError | TransportError, where: str = "") -> VonggacError:
    """What happened, in one sentence."""
    place = f"Elasticsearch at {where}" if where else "Elasticsearch"
    if isinstance(error, UnsupportedProductError):
        return ConfigError(f"What answers at {where or 'the address'} is not Elasticsearch; correct the address.")
    if not isinstance(error, ApiError):
        return _unreached(error, place)
    kind, reason = cause(error.body)
    if full(kind, reason, error.status_code):
        return FullError(f"{place} takes no more documents ({reason}); make room on its disks.")
    match error.status_code:
        case 401:
            return ConfigError(f"{place} does not accept our name and password; correct them in the settings.")
        case 403:
            return ConfigError(f"{place} does not allow us this ({reason}); give our user the privilege.")
        case 406:
            return ConfigError(f"{place} is too old for this client; version {MAJOR} (8.19 or later) is needed.")
        case status if status in PASSING:
            return BackboneError(f"{place} is too busy or not ready ({status}: {reason}); look at its health.")
        case status:
            return BackboneError(f"{place} refuses a request ({status} {kind}: {reason}); look at its log.")


def _unreached(error: TransportError, place: str) -> VonggacError:
    said = str(error.message)[:200]
    if isinstance(error, SSLError) or "certificate" in said.lower():
        return ConfigError(f"{place} cannot be trusted ({said}); name the file of its CA in the settings.")
    if isinstance(error, ConnectionTimeout):
        return BackboneError(f"{place} does not answer in time; look at its health.")
    return BackboneError(f"{place} cannot be reached ({said}); start it or correct its address.")


def cause(body: Any) -> tuple[str, str]:
    """(type, reason) of an error as Elasticsearch writes it, the innermost reason included; both bounded."""
    error = body.get("error", body) if isinstance(body, dict) else {}
    if not isinstance(error, dict):
        return "", str(error)[:500]
    kind, reason = str(error.get("type", "")), str(error.get("reason", ""))
    inner = error.get("caused_by")
    depth = 0
    while isinstance(inner, dict) and depth < 5:
        if str(inner.get("reason", "")) not in reason:
            reason += f": {inner.get('reason')}"
        inner, depth = inner.get("caused_by"), depth + 1
    return kind[:100], reason[:1_000]


def full(kind: str, reason: str, status: int) -> bool:
    """Whether there is no room: disks above the flood stage, indices made read-only, no more shards allowed."""
    return (kind == "cluster_block_exception" and ("read-only" in reason or "flood" in reason or "disk usage" in reason)) or (
        kind == "validation_exception" and "shards" in reason and status == 400
    )


def passing(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, ApiError):
        return error.status_code in PASSING and not full(*cause(error.body), error.status_code)
    return isinstance(error, NoConnection | ConnectionTimeout)


async def bulk(client: AsyncElasticsearch, lines: bytes, **more: Any) -> Any:
    """A bulk request whose body is ready, each line but the last ended; the client takes bytes as they are."""
    operations: Any = lines
    return await client.bulk(operations=operations, **more)


async def attempts(patience: float, first: float = 0.2, longest: float = 10.0) -> AsyncIterator[int]:
    """Numbers of attempts from 1, with growing waits (and jitter) between them, until ``patience`` seconds are over."""
    time = asyncio.get_running_loop().time
    until, wait, number = time() + patience, first, 0
    while number == 0 or time() < until:
        number += 1
        yield number
        await asyncio.sleep(min(wait * random.uniform(0.5, 1.5), max(0.05, until - time())))  # noqa: S311
        wait = min(wait * 2, longest)
