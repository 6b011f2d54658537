"""Documents the cluster refused for what is in them (a field of another type, a word too long): kept whole, with the reason.

They stand in an index of their own, ``vonggac-quarantine-<namespace>``, one document an event: reason, type of error, system, the
record as received (searchable) and the whole event. ``replay`` writes them again, by the mapping tables of now, and removes
what was taken.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from backbone.elastic_client import bulk, cause, full, told
from backbone.elastic_document import Documents
from backbone.ports import Clock, Stored
from backbone.signals import Signals
from model import BackboneError, FullError
from model.moment import to_rfc3339

_log = structlog.get_logger()
_decode = msgspec.json.Decoder(Stored).decode
_encode = msgspec.json.Encoder().encode


class Quarantine:
    """The quarantine of a namespace."""

    def __init__(self, client: AsyncElasticsearch, namespace: str, clock: Clock, signals: Signals | None) -> None:
        self._client = client
        self.index = f"vonggac-quarantine-{namespace}"
        self._clock = clock
        self._signals = signals

    async def add(self, refused: Sequence[tuple[Stored, str, str]]) -> None:
        """Keep (event, type of error, reason); once more of the same event replaces it. Raises when they cannot be kept."""
        lines: list[bytes] = []
        for stored, kind, reason in refused:
            lines += (_encode({"index": {"_id": stored.event.id[:500]}}), self._document(stored, kind, reason))
        answer = await bulk(self._client, b"\n".join(lines), index=self.index)
        if answer["errors"]:
            failed = [item["index"] for item in answer["items"] if "error" in item["index"]]
            if any(full(*cause(item), item["status"]) for item in failed):
                raise FullError(f"There is no room in {self.index} for refused documents; make room on the cluster's disks.")
            reasons = {cause(item)[1] for item in failed}
            raise BackboneError(f"Refused documents cannot be kept in {self.index} ({'; '.join(sorted(reasons))[:300]}).")
        if self._signals:
            for _, kind, _ in refused:
                self._signals.count("elastic_quarantined", reason=kind)
        stored, kind, reason = refused[0]
        _log.warning("elastic_quarantined", events=len(refused), first=stored.event.id, error=kind, reason=reason[:300])

    def _document(self, stored: Stored, kind: str, reason: str) -> bytes:
        document = {
            "@timestamp": to_rfc3339(self._clock.now()),
            "reason": reason,
            "error": kind,
            "system": stored.event.system,
            "offset": stored.offset,
            "id": stored.event.id,
            "original": stored.event.original,
            "event": _encode(stored).decode(),
        }
        return _encode(document)

    async def count(self) -> int:
        """How many documents wait there."""
        await self._client.indices.refresh(index=self.index, ignore_unavailable=True)
        return int((await self._client.count(index=self.index, ignore_unavailable=True))["count"])

    async def replay(self, documents: Documents, page: int = 500) -> tuple[int, int]:
        """Write everything there again; (taken, still refused). What was taken is removed from here."""
        try:
            return await self._replay(documents, page)
        except (ApiError, TransportError) as error:
            raise told(error) from None

    async def _replay(self, documents: Documents, page: int) -> tuple[int, int]:
        taken = refused = 0
        after: list[Any] | None = None
        await self._client.indices.refresh(index=self.index, ignore_unavailable=True)
        while True:
            found = await self._client.search(
                index=self.index,
                ignore_unavailable=True,
                size=page,
                sort=["offset", "id"],
                search_after=after,
                source={"includes": ["event"]},
            )
            if not (hits := found["hits"]["hits"]):
                return taken, refused
            after = hits[-1]["sort"]
            lines = bytearray()
            for hit in hits:
                documents.add(_decode(hit["_source"]["event"]), lines)
            answer = await bulk(self._client, bytes(lines))
            good = [
                hit["_id"] for hit, item in zip(hits, answer["items"], strict=True) if item["create"]["status"] in (200, 201, 409)
            ]
            taken, refused = taken + len(good), refused + len(hits) - len(good)
            if good:
                gone = b"\n".join(_encode({"delete": {"_id": one}}) for one in good)
                await bulk(self._client, gone, index=self.index, refresh=True)
