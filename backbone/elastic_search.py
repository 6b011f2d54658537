"""Searching a namespace's data streams: the cluster narrows down, ``query.holds`` decides what the cluster cannot.

A page is fetched newest first with one event more than asked for. The cluster also counts what surely holds (``under``); when
that is all it found (``over``), its answer is ours. Else what lies between is fetched in bounded pages and decided here; when a
bound is reached the answer is partial.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from elasticsearch import ApiError, AsyncElasticsearch, BadRequestError, ConnectionTimeout, TransportError

from backbone.elastic_client import cause, told
from backbone.elastic_document import SOURCE, read, streams
from backbone.elastic_query import Query, between, over, under
from backbone.ports import Search, Stored
from backbone.query import Node, holds
from model import Micros, QueryError

Place: TypeAlias = tuple[Micros, int]

MOST_DECIDED: Final = 20_000
"""Events one search fetches to decide itself."""
_PAGE: Final = 500
SORT: Final = [{"vonggac.happened": "desc"}, {"vonggac.offset": "desc"}]


class Page(msgspec.Struct, frozen=True):
    """Events of a page, and the place to go on from (None: that is all)."""

    events: list[Stored]
    next: Place | None
    total: int
    searched: int
    partial: bool


class Searcher:
    """``limit`` is in seconds, for one search."""

    def __init__(self, client: AsyncElasticsearch, namespace: str, limit: float) -> None:
        self._client = client
        self._index = streams(namespace)
        self._limit = limit
        self._refreshing: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Let a search see what was written before this call. Calls at the same time share one."""
        running = self._refreshing
        if running is not None:
            # It may have begun before what we want to see was written.
            await asyncio.wait({running})
        if self._refreshing is None or self._refreshing is running:
            self._refreshing = asyncio.create_task(self._refresh())
        await asyncio.shield(self._refreshing)

    async def _refresh(self) -> None:
        try:
            await self._client.indices.refresh(index=self._index)
        except (ApiError, TransportError) as error:
            raise told(error) from None

    async def find(self, node: Node, search: Search, limit: int, before: Place | None) -> Page:
        """One page of ``limit`` events before ``before``."""
        wide, sure = _within(search, over(node)), _within(search, under(node))
        exact = wide == sure
        body: dict[str, Any] = {
            "query": wide,
            "size": limit + 1,
            "sort": SORT,
            "_source": SOURCE,
            "track_total_hits": True,
            **({} if exact else {"aggs": {"sure": {"filter": sure}}}),
            **({"search_after": list(before)} if before else {}),
        }
        all_ = {"query": _within(search, {"match_all": {}}), "size": 0, "track_total_hits": True}
        answer, counted = await self._search(body, all_)
        total, searched = _total(answer), _total(counted)
        certain = total if exact else answer.get("aggregations", {}).get("sure", {}).get("doc_count", 0)
        hits = answer["hits"]["hits"]
        if certain == total:
            events = [read(hit) for hit in hits[:limit]]
            more = len(hits) > limit and bool(events)
            return Page(events, _place(hits[limit - 1]) if more else None, total, searched, False)
        decided, whole = await self._decide(node, _unsure(wide, sure), search)
        events, next_, cut = await self._fill(node, body, hits, limit)
        return Page(events, next_, certain + len(decided), searched, cut or not whole)

    async def _fill(
        self, node: Node, body: dict[str, Any], hits: Sequence[dict[str, Any]], limit: int
    ) -> tuple[list[Stored], Place | None, bool]:
        """(events that hold, where to go on, whether a bound was reached first), from ``hits`` and what follows them."""
        events: list[Stored] = []
        last: Place | None = None
        looked, size = 0, body["size"]
        while True:
            for hit in hits:
                stored = read(hit)
                looked += 1
                if holds(node, stored.event):
                    if len(events) == limit:
                        return events, (events[-1].event.happened_at, events[-1].offset) if events else None, False
                    events.append(stored)
                last = _place(hit)
            if len(hits) < size:
                return events, None, False
            if looked >= MOST_DECIDED:
                return events, last, True
            size = _PAGE
            (answer,) = await self._search({**body, "aggs": {}, "size": size, "search_after": list(last or ())})
            hits = answer["hits"]["hits"]

    async def _decide(self, node: Node, query: Query, search: Search) -> tuple[list[Stored], bool]:
        """(events of ``query`` that hold, whether all were looked at)."""
        found: list[Stored] = []
        looked = 0
        async for hits in self._pages(query):
            events = [read(hit) for hit in hits]
            found += [s for s in events if holds(node, s.event)]
            looked += len(events)
            if looked >= MOST_DECIDED:
                return found, False
        return found, True

    async def _pages(self, query: Query) -> AsyncIterator[list[dict[str, Any]]]:
        after: dict[str, Any] = {}
        until = asyncio.get_running_loop().time() + self._limit
        while True:
            body = {"query": query, "size": _PAGE, "sort": SORT, "_source": SOURCE, "track_total_hits": False, **after}
            (answer,) = await self._search(body)
            hits = answer["hits"]["hits"]
            if hits:
                yield hits
            if len(hits) < _PAGE or asyncio.get_running_loop().time() > until:
                return
            after = {"search_after": hits[-1]["sort"]}

    async def get(self, event: str) -> Stored | None:
        """The event with this id."""
        (answer,) = await self._search({"query": {"ids": {"values": [event]}}, "size": 1, "_source": SOURCE})
        hits = answer["hits"]["hits"]
        return read(hits[0]) if hits else None

    async def tally(self, node: Node, search: Search, edges: Sequence[Micros]) -> list[int]:
        """How many events fall between each edge and the next. QueryError when too many would have to be looked at here."""
        wide, sure = _within(search, over(node)), _within(search, under(node))
        ranges = [{"from": low, "to": high} for low, high in zip(edges, [*edges[1:], search.until], strict=True)]
        aggs = {"parts": {"range": {"field": "vonggac.happened", "ranges": ranges}}}
        body: dict[str, Any] = {"query": sure, "size": 0, "track_total_hits": False, "aggs": aggs}
        (answer,) = await self._search(body)
        found = answer.get("aggregations")
        counts = [part["doc_count"] for part in found["parts"]["buckets"]] if found else [0] * len(edges)
        if wide != sure:
            decided, whole = await self._decide(node, _unsure(wide, sure), search)
            if not whole:
                raise QueryError(
                    "Too many events would have to be looked at one by one; ask for a shorter time or a rarer value."
                )
            for stored in decided:
                counts[(stored.event.happened_at - search.since) * len(edges) // (search.until - search.since)] += 1
        return counts

    async def _search(self, *bodies: dict[str, Any]) -> list[dict[str, Any]]:
        searches: list[dict[str, Any]] = []
        for body in bodies:
            searches += ({"index": self._index}, {**body, "timeout": f"{self._limit:g}s"})
        try:
            answer = await self._client.options(request_timeout=self._limit + 5).msearch(searches=searches)
        except ConnectionTimeout:
            raise self._too_long() from None
        except BadRequestError as error:
            raise QueryError(f"Elasticsearch cannot run this search ({cause(error.body)[1][:200]}); write it simpler.") from None
        except (ApiError, TransportError) as error:
            raise told(error) from None
        for one in answer["responses"]:
            self._check(one)
        return list(answer["responses"])

    def _check(self, one: dict[str, Any]) -> None:
        if "error" in one:
            raise QueryError(f"Elasticsearch cannot run this search ({cause(one)[1][:200]}); write it simpler.")
        if one.get("timed_out"):
            raise self._too_long()
        failures = one["_shards"].get("failures")
        if failures:
            raise QueryError(f"A part of the store cannot answer ({cause(failures[0]['reason'])[1][:200]}); look at its health.")

    def _too_long(self) -> QueryError:
        return QueryError(f"The search took more than {self._limit:g} s; ask for a shorter time or a rarer value.")


def _within(search: Search, query: Query) -> Query:
    return {"bool": {"filter": [between(search.since, search.until), query]}}


def _unsure(wide: Query, sure: Query) -> Query:
    return {"bool": {"filter": [wide], "must_not": [sure]}}


def _total(answer: dict[str, Any]) -> int:
    return int(answer["hits"]["total"]["value"])


def _place(hit: dict[str, Any]) -> Place:
    own = hit["_source"]["vonggac"]
    return own["happened"], own["offset"]
