"""Retention per system: whole indices whose newest event is too old; events long overdue in an index that stays, one by one.

Data streams begin a new index each day (or at a size), so that whole indices can go. A cluster with the data stream lifecycle
also gets the time per stream, and does both by itself; ``expire`` then finds little to do.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from backbone.elastic_client import bulk, told
from backbone.elastic_document import stream, streams
from backbone.elastic_setup import names
from backbone.ports import Clock
from model import Micros
from model.moment import DAY

SLACK: Final[Micros] = 2 * DAY
"""An event this much past its time goes alone: its index holds younger ones. Others wait for their index."""
ROLL_OVER: Final = {"max_age": "1d", "max_primary_shard_size": "20gb", "min_docs": 1}
_PAGE: Final = 5_000
_encode: Final = msgspec.json.Encoder().encode
_log = structlog.get_logger()
_HEADERS: Final = {"accept": "application/json", "content-type": "application/json"}


class Retention:
    """Of a namespace's data streams."""

    def __init__(self, client: AsyncElasticsearch, namespace: str, clock: Clock) -> None:
        self._client = client
        self._namespace = namespace
        self._clock = clock
        self._told: dict[str, int] = {}

    async def expire(self, before: Mapping[str, Micros]) -> int:
        """Drop what is too old; return how many events. ``before`` as the port says."""
        try:
            return await self._expire(before)
        except (ApiError, TransportError) as error:
            raise told(error) from None

    async def _expire(self, before: Mapping[str, Micros]) -> int:
        dropped = 0
        for name in await names(self._client, self._namespace):
            old = [index for index, newest in (await self._newest(name)).items() if _expired(newest, before)]
            if old:
                dropped += await self._drop(name, old, before)
            dropped += await self._overdue(name, before)
            await self._client.indices.rollover(alias=name, conditions=ROLL_OVER)
        await self._lifecycle(before)
        return dropped

    async def _newest(self, name: str) -> dict[str, dict[str, Micros]]:
        """Index → system → time of its newest event, as retention sees it. Indices without events are left out."""
        newest = {"newest": {"max": {"field": "vonggac.kept"}}}
        systems = {"systems": {"terms": {"field": "vonggac.system", "size": 1_000}, "aggs": newest}}
        aggs = {"indices": {"terms": {"field": "_index", "size": 10_000}, "aggs": systems}}
        await self._client.indices.refresh(index=name)
        answer = await self._client.search(index=name, size=0, aggs=aggs)
        return {
            index["key"]: {system["key"]: int(system["newest"]["value"]) for system in index["systems"]["buckets"]}
            for index in answer["aggregations"]["indices"]["buckets"]
        }

    async def _drop(self, name: str, old: list[str], before: Mapping[str, Micros]) -> int:
        """Delete indices; the one being written is closed off first, and looked at once more."""
        await self._client.indices.rollover(alias=name)
        dropped = 0
        for index in old:
            newest = (await self._newest(name)).get(index)
            if newest is None or not _expired(newest, before):
                continue
            dropped += int((await self._client.count(index=index))["count"])
            await self._client.indices.delete(index=index)
            _log.info("elastic_expired", index=index, newest=max(newest.values()))
        return dropped

    async def _overdue(self, name: str, before: Mapping[str, Micros]) -> int:
        """Delete single events long past their time: by id from the index they are in."""
        dropped = 0
        for system in {system for found in (await self._newest(name)).values() for system in found}:
            limit = before.get(system, before.get(""))
            if limit is None:
                continue
            filters: list[dict[str, Any]] = [
                {"term": {"vonggac.system": system}},
                {"range": {"vonggac.kept": {"lt": limit - SLACK}}},
            ]
            while True:
                answer = await self._client.search(index=name, query={"bool": {"filter": filters}}, size=_PAGE, source=False)
                hits = answer["hits"]["hits"]
                if not hits:
                    break
                lines = b"\n".join(_encode({"delete": {"_index": hit["_index"], "_id": hit["_id"]}}) for hit in hits)
                deleted = await bulk(self._client, lines, refresh=True, filter_path="items.delete.result")
                count = sum(item["delete"]["result"] == "deleted" for item in deleted["items"])
                dropped += count
                if not count:
                    break
        return dropped

    async def _lifecycle(self, before: Mapping[str, Micros]) -> None:
        """Tell the cluster's own lifecycle, where it has one, how long each stream is kept."""
        path = f"/_data_stream/{streams(self._namespace)}/_lifecycle"
        try:
            answer = await self._client.perform_request("GET", path, headers={"accept": "application/json"})
        except ApiError as error:
            if error.status_code in (400, 404, 405):
                return  # this cluster has none
            raise
        kept = {stream(system, self._namespace): -(-(self._clock.now() - limit) // DAY) for system, limit in before.items()}
        for one in answer.body.get("data_streams", []):
            days = kept.get(one["name"], kept.get(stream("", self._namespace)))
            if days and one.get("lifecycle", {}).get("data_retention") != f"{days}d":
                body = {"data_retention": f"{days}d"}
                await self._client.perform_request("PUT", f"/_data_stream/{one['name']}/_lifecycle", headers=_HEADERS, body=body)


def _expired(newest: Mapping[str, Micros], before: Mapping[str, Micros]) -> bool:
    limits = [(at, before.get(system, before.get(""))) for system, at in newest.items()]
    return bool(limits) and all(limit is not None and at < limit for at, limit in limits)
