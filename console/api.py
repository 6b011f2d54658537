"""The JSON API the page uses: alerts, incidents, events, overview."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from backbone.codec import decode_alert, decode_delivery, decode_incident
from backbone.ports import Clock, Entry, EventStore, Search, StateStore
from console.problems import problem
from model import LEVELS, Micros, QueryError, rank
from model.moment import HOUR, from_rfc3339
from model.view import alert_view, event_view, incident_view

MAX_PAGE = 500
MAX_SCAN = 20_000
"""Entries looked at for one filtered page; the answer says so when it stopped there."""


class Api:
    """Handlers of /api/v1. ``overview`` gives the figures of the page's head."""

    def __init__(self, state: StateStore, events: EventStore, clock: Clock, overview: Callable[[], dict[str, Any]]) -> None:
        self._state, self._events, self._clock, self._overview = state, events, clock, overview

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v1/alerts", self.alerts),
            web.get("/api/v1/alerts/{id}", self.alert),
            web.get("/api/v1/incidents", self.incidents),
            web.get("/api/v1/incidents/{id}", self.incident),
            web.get("/api/v1/events", self.events),
            web.get("/api/v1/events/histogram", self.histogram),
            web.get("/api/v1/events/{id}", self.event),
            web.get("/api/v1/overview", self.overview),
        ]

    async def alerts(self, request: web.Request) -> web.Response:
        """Newest first. ``level`` is the mildest wanted, ``before`` is ``next`` of the page before."""
        level = request.query.get("level", "informational")
        if level not in LEVELS:
            return problem(400, "Unknown level", f"level is one of {', '.join(LEVELS)}")
        least = rank(level)

        async def show(entry: Entry) -> dict[str, Any] | None:
            alert = decode_alert(entry.value)
            return alert_view(alert) if rank(alert.level) >= least else None

        return await self._page(request, "alerts", show)

    async def incidents(self, request: web.Request) -> web.Response:
        """Newest first, each with its delivery."""
        return await self._page(request, "incidents", self._incident_view)

    async def alert(self, request: web.Request) -> web.Response:
        entry = await self._state.get("alerts", request.match_info["id"])
        return answer(alert_view(decode_alert(entry.value))) if entry else problem(404, "No such alert")

    async def incident(self, request: web.Request) -> web.Response:
        entry = await self._state.get("incidents", request.match_info["id"])
        return answer(await self._incident_view(entry)) if entry else problem(404, "No such incident")

    async def events(self, request: web.Request) -> web.Response:
        """Search. ``q`` is the query, ``since`` and ``until`` RFC 3339, ``after`` is ``next`` of the page before."""
        try:
            found = await self._events.search(self._search(request))
        except (QueryError, ValueError) as error:
            return problem(400, "The query cannot be understood", str(error))
        return answer(
            {
                "items": [event_view(s.event, s.stored_at) for s in found.events],
                "total": found.total,
                "searched": found.searched,
                "took": round(found.took, 4),
                "next": found.next,
                "partial": found.partial,
            }
        )

    async def histogram(self, request: web.Request) -> web.Response:
        """Events over time in ``buckets`` (default 60) equal parts; without ``since`` the last 24 hours before ``until``."""
        try:
            search = self._search(request)
            buckets = max(1, min(240, int(request.query.get("buckets", "60"))))
            until = min(search.until, self._clock.now())
            search = msgspec.structs.replace(search, since=search.since or until - 24 * HOUR, until=until)
            rows = await self._events.histogram(search, buckets)
        except (QueryError, ValueError) as error:
            return problem(400, "The query cannot be understood", str(error))
        return answer({"items": [{"at": at // 1000, "count": count} for at, count in rows]})

    async def event(self, request: web.Request) -> web.Response:
        stored = await self._events.get(request.match_info["id"])
        return answer(event_view(stored.event, stored.stored_at)) if stored else problem(404, "No such event")

    async def overview(self, request: web.Request) -> web.Response:
        counts = {"alerts": await self._state.count("alerts"), "incidents": await self._state.count("incidents")}
        return answer(self._overview() | counts)

    async def _incident_view(self, entry: Entry) -> dict[str, Any]:
        delivery = await self._state.get("outbox", entry.key)
        return incident_view(decode_incident(entry.value), decode_delivery(delivery.value) if delivery else None)

    async def _page(self, request: web.Request, space: str, show: Callable[[Entry], Any]) -> web.Response:
        try:
            limit = max(1, min(MAX_PAGE, int(request.query.get("limit", "100"))))
            before = _cursor(request.query.get("before", ""))
            since = from_rfc3339(request.query["since"]) if "since" in request.query else 0
        except ValueError as error:
            return problem(400, "Wrong parameter", str(error))
        items: list[dict[str, Any]] = []
        looked = 0
        while len(items) < limit and looked < MAX_SCAN:
            entries = await self._state.newest(space, before=before, since=since, limit=min(limit, 200))
            if not entries:
                return answer({"items": items, "next": "", "partial": False})
            for entry in entries:
                looked += 1
                before = (entry.at, entry.key)
                if view := await show(entry):
                    items.append(view)
                    if len(items) == limit:
                        break
        return answer({"items": items, "next": f"{before[0]}~{before[1]}" if before else "", "partial": len(items) < limit})

    def _search(self, request: web.Request) -> Search:
        query = request.query
        return Search(
            text=query.get("q", ""),
            since=from_rfc3339(query["since"]) if query.get("since") else 0,
            until=from_rfc3339(query["until"]) if query.get("until") else 2**62,
            limit=max(1, min(MAX_PAGE, int(query.get("limit", "100")))),
            after=query.get("after", ""),
        )


def _cursor(text: str) -> tuple[Micros, str] | None:
    at, mark, key = text.partition("~")
    if not text:
        return None
    if not mark or not at.lstrip("-").isdecimal():
        raise ValueError("`before` is not a `next` of an earlier page")
    return int(at), key


def answer(value: Any) -> web.Response:
    """A JSON answer that no cache keeps."""
    return web.Response(body=msgspec.json.encode(value), content_type="application/json", headers={"Cache-Control": "no-store"})
