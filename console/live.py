"""What changed, as server-sent events: the page asks again for what it shows. One follower serves all pages."""

import asyncio
import contextlib

import msgspec
from aiohttp import web

from backbone.codec import decode_alert, decode_delivery, decode_incident
from backbone.ports import Entry, StateStore
from model.view import alert_view, incident_view

MAX_PAGES = 500
QUEUE = 200
"""Messages a slow page may lag behind; after that it is told to load everything again."""
BEAT = 15.0


class Live:
    """Follows alerts, incidents and deliveries, and tells every open page."""

    def __init__(self, state: StateStore) -> None:
        self._state = state
        self._pages: set[asyncio.Queue[bytes]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the store until ``stop``."""
        seen = {space: await self._newest_change(space) for space in ("alerts", "incidents", "outbox")}
        while not stop.is_set():
            nothing = True
            for space in seen:
                entries = await self._state.changes(space, seen[space], 200)
                for entry in entries:
                    nothing = False
                    seen[space] = entry.change
                    if self._pages:
                        self._tell(*await self._message(space, entry))
            if nothing:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 0.1)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """GET /api/v1/stream."""
        if len(self._pages) >= MAX_PAGES:
            return web.Response(status=503, headers={"Retry-After": "30"})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self._pages.add(queue)
        try:
            await response.write(b"event: hello\ndata: {}\n\n")
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), BEAT)
                except TimeoutError:
                    message = b": still here\n\n"
                await response.write(message)
        except ConnectionError:
            return response
        finally:
            self._pages.discard(queue)

    def _tell(self, name: str, body: bytes) -> None:
        message = b"event: " + name.encode() + b"\ndata: " + body + b"\n\n"
        for queue in self._pages:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(b"event: reload\ndata: {}\n\n")
            else:
                queue.put_nowait(message)

    async def _message(self, space: str, entry: Entry) -> tuple[str, bytes]:
        if space == "alerts":
            return "alert", msgspec.json.encode(alert_view(decode_alert(entry.value)))
        key = entry.key
        incident, delivery = await self._state.get("incidents", key), await self._state.get("outbox", key)
        if incident is None:
            return "reload", b"{}"
        made = incident_view(decode_incident(incident.value), decode_delivery(delivery.value) if delivery else None)
        return "incident", msgspec.json.encode(made)

    async def _newest_change(self, space: str) -> int:
        entries = await self._state.newest(space, limit=1)
        after = entries[0].change if entries else 0
        while more := await self._state.changes(space, after, 1000):
            after = more[-1].change
        return after
