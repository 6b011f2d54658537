"""One bulk request until every event of it is somewhere safe: stored, there already, or in the quarantine.

Each event has an answer of its own. Created or already there (409: our id, a repeat) is done; busy (429, 503) is sent again
after a wait; a cluster without room is FullError; a document that cannot be stored as it is goes to the quarantine.
"""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from backbone.elastic_client import PASSING, attempts, bulk, cause, full, passing, told
from backbone.elastic_document import Documents
from backbone.elastic_quarantine import Quarantine
from backbone.ports import Stored
from backbone.signals import Signals
from model import BackboneError, FullError

ANSWER = "errors,items.*.status,items.*.error"
"""What of the cluster's answer is wanted: nothing for each event that went well but its status."""


class Batch:
    """Events of one request. ``lines`` is its body; ``last`` the offset of its newest event."""

    def __init__(self) -> None:
        self.lines = bytearray()
        self.events: list[Stored] = []
        self.last = 0
        self.sent = False
        self.done = False


class _Sorted(msgspec.Struct):
    """Events of an answer: to be sent again, refused (with type and reason), and how many were there already."""

    again: list[Stored]
    refused: list[tuple[Stored, str, str]]
    repeated: int
    why: tuple[int, str] = (0, "")


class Delivery:
    """Sends batches. ``patience`` seconds are given to a cluster that is busy or away, then BackboneError."""

    def __init__(
        self,
        client: AsyncElasticsearch,
        documents: Documents,
        quarantine: Quarantine,
        signals: Signals | None,
        patience: float,
        where: str,
    ) -> None:
        self._client = client
        self._documents = documents
        self._quarantine = quarantine
        self._signals = signals
        self._patience = patience
        self._where = where

    async def send(self, batch: Batch) -> None:
        """Return when all events of ``batch`` are safe. FullError, BackboneError, ConfigError: send it again."""
        began = time.monotonic()
        try:
            await self._send(batch.events, bytes(batch.lines))
        except (ApiError, TransportError) as error:
            raise told(error, self._where) from None
        if self._signals:
            self._signals.count("elastic_events", len(batch.events))
            self._signals.took("elastic_bulk", time.monotonic() - began)

    async def _send(self, events: Sequence[Stored], body: bytes) -> None:
        why: Exception = BackboneError(f"Elasticsearch at {self._where} is too busy; look at its health.")
        async for _ in attempts(self._patience):
            try:
                answer = await bulk(self._client, body, filter_path=ANSWER)
            except (ApiError, TransportError) as error:
                if isinstance(error, ApiError) and error.status_code == 413 and len(events) > 1:
                    return await self._halves(events)
                if not passing(error):
                    raise
                self._count("elastic_retries", 1, "request")
                why = told(error, self._where)
                continue
            if not answer.get("errors"):
                return
            found = _sort(events, answer["items"])
            if found.refused:
                await self._quarantine.add(found.refused)
            self._count("elastic_repeated", found.repeated)
            if not found.again:
                return
            self._count("elastic_retries", len(found.again), "event")
            why = BackboneError(
                f"Elasticsearch at {self._where} is too busy ({found.why[0]}: {found.why[1][:200]}); look at its health."
            )
            events, body = found.again, self._lines(found.again)
        raise why

    async def _halves(self, events: Sequence[Stored]) -> None:
        """The body is longer than the cluster takes: two of half the events."""
        middle = len(events) // 2
        for half in (events[:middle], events[middle:]):
            await self._send(half, self._lines(half))

    def _lines(self, events: Sequence[Stored]) -> bytes:
        lines = bytearray()
        for stored in events:
            self._documents.add(stored, lines)
        return bytes(lines)

    def _count(self, name: str, amount: int, what: str = "") -> None:
        if self._signals and amount:
            self._signals.count(name, amount, **({"what": what} if what else {}))


def _sort(events: Sequence[Stored], items: Sequence[dict[str, Any]]) -> _Sorted:
    """What became of each event. FullError, BackboneError when the trouble is the cluster's, not the document's."""
    found = _Sorted([], [], 0)
    for stored, item in zip(events, items, strict=True):
        answer = item["create"]
        status = answer["status"]
        if status < 300:
            continue
        if status == 409:
            found.repeated += 1
            continue
        kind, reason = cause(answer)
        if full(kind, reason, status):
            raise FullError(f"Elasticsearch takes no more documents ({reason[:300]}); make room on its disks.")
        if status in PASSING:
            found.again.append(stored)
            found.why = (status, reason)
        elif status in (401, 403, 404):
            raise BackboneError(f"Elasticsearch does not let us write ({status} {kind}: {reason[:300]}); look at privileges.")
        else:
            found.refused.append((stored, kind, reason))
    return found
