"""The console's routes: who gets in, what they see."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from backbone.clock import ManualClock
from backbone.codec import encode
from backbone.memory_state import MemoryState
from backbone.ports import Commit, Put

sys.path.insert(0, str(Path(__file__).parent))
from sample import TOKEN, alert, sample_console

Client = TestClient  # type: ignore[type-arg]


@pytest.fixture
async def served() -> AsyncIterator[tuple[Client, MemoryState, ManualClock]]:
    clock = ManualClock()
    console, state = await sample_console(clock)
    stop = asyncio.Event()
    following = asyncio.create_task(console._live.run(stop))
    async with TestClient(TestServer(console.app())) as client:
        yield client, state, clock
    stop.set()
    await following


BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def test_every_route_but_the_open_ones_needs_the_token(served: tuple[Client, MemoryState, ManualClock]) -> None:
    """Walking all routes without token or with a wrong one: 401, except page, log-in, health, static and local metrics."""
    client, _, _ = served
    is_open = {"/", "/session", "/healthz", "/readyz", "/metrics", "/favicon.ico", "/static"}
    walked = 0
    for resource in client.server.app.router.resources():  # type: ignore[attr-defined]
        path = resource.canonical
        if path in is_open:
            continue
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "vonggac_session=made-up"}):
            answer = await client.get(path.replace("{id}", "x"), headers=headers)
            assert answer.status == 401, path
            assert answer.content_type == "application/problem+json"
            walked += 1
    assert walked >= 24


async def test_log_in_and_out(served: tuple[Client, MemoryState, ManualClock]) -> None:
    """The token gives a session cookie scripts cannot read and other sites cannot use; leaving ends it; it ends by itself too."""
    client, _, clock = served
    assert "Đăng nhập" in await (await client.get("/")).text()
    wrong = await client.post("/session", data={"token": "x" * 20}, allow_redirects=False)
    assert (wrong.status, wrong.headers["Location"]) == (303, "/?wrong")
    right = await client.post("/session", data={"token": TOKEN}, allow_redirects=False)
    cookie = right.headers["Set-Cookie"]
    assert right.status == 303
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert (await client.get("/api/v1/alerts")).status == 200
    assert 'id="tab-alerts"' in await (await client.get("/")).text()
    clock.advance(13 * 3600 * 1_000_000)
    assert (await client.get("/api/v1/alerts")).status == 401
    await client.post("/session", data={"token": TOKEN})
    assert (await client.delete("/session")).status == 204
    assert (await client.get("/api/v1/alerts")).status == 401


async def test_guessing_is_slowed_and_other_sites_are_refused(served: tuple[Client, MemoryState, ManualClock]) -> None:
    """After ten tries a minute even the right token waits; a form from another origin is refused."""
    client, _, clock = served
    foreign = await client.post("/session", data={"token": TOKEN}, headers={"Origin": "https://evil.example"})
    assert foreign.status == 403
    for _ in range(10):
        await client.post("/session", data={"token": "x" * 20}, allow_redirects=False)
    assert (await client.post("/session", data={"token": TOKEN}, allow_redirects=False)).status == 429
    clock.advance(61_000_000)
    assert (await client.post("/session", data={"token": TOKEN}, allow_redirects=False)).status == 303


async def test_alerts_are_paged_and_filtered(served: tuple[Client, MemoryState, ManualClock]) -> None:
    """Newest first, page by page without gap or repeat, and only from the level asked for."""
    client, _, _ = served
    seen, before = [], ""
    while True:
        page = await (await client.get("/api/v1/alerts", params={"limit": 2, "before": before}, headers=BEARER)).json()
        seen += [a["id"] for a in page["items"]]
        before = page["next"]
        if not before:
            break
    assert seen == [f"alert-{n}" for n in (5, 4, 3, 2, 1)]
    high = await (await client.get("/api/v1/alerts?level=high", headers=BEARER)).json()
    assert {a["level"] for a in high["items"]} == {"high", "critical"}
    one = await (await client.get("/api/v1/alerts/alert-2", headers=BEARER)).json()
    assert one["happened_at"] < one["received_at"] < one["stored_at"] < one["detected_at"]


async def test_incidents_show_their_receipt(served: tuple[Client, MemoryState, ManualClock]) -> None:
    """An incident carries national id and receipt of its delivery."""
    client, _, _ = served
    page = await (await client.get("/api/v1/incidents", headers=BEARER)).json()
    assert [i["id"] for i in page["items"]] == ["incident-2", "incident-1"]
    assert page["items"][0]["national_id"] == "VN-2026-CM-000001"
    assert page["items"][0]["receipt"]["incident"] == "incident-2"


async def test_events_are_searched(served: tuple[Client, MemoryState, ManualClock]) -> None:
    """The query finds by field; its page says how much was searched; the histogram counts the same events."""
    client, _, _ = served
    page = await (await client.get("/api/v1/events", params={"q": "c-ip:198.51.100.7"}, headers=BEARER)).json()
    assert [e["id"] for e in page["items"]] == ["event-7"]
    assert page["total"] == 1
    rows = await (await client.get("/api/v1/events/histogram", headers=BEARER)).json()
    assert sum(r["count"] for r in rows["items"]) >= 119
    assert (await (await client.get("/api/v1/events/event-3", headers=BEARER)).json())["host"] == "web-dvc-01"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/alerts?level=huge", 400),
        ("/api/v1/alerts?limit=x", 400),
        ("/api/v1/alerts?before=x", 400),
        ("/api/v1/events?q=AND+AND", 400),
        ("/api/v1/events?since=yesterday", 400),
        ("/api/v1/alerts/none", 404),
        ("/api/v1/incidents/none", 404),
        ("/api/v1/events/none", 404),
        ("/nowhere", 404),
    ],
)
async def test_wrong_requests_get_a_problem_document(
    served: tuple[Client, MemoryState, ManualClock], path: str, status: int
) -> None:
    """What cannot be answered is a problem document with the right status (RFC 9457), with the security headers on it."""
    client, _, _ = served
    answer = await client.get(path, headers=BEARER)
    body = await answer.json(content_type=None)
    assert (answer.status, answer.content_type, body["status"]) == (status, "application/problem+json", status)
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_changes_arrive_live(served: tuple[Client, MemoryState, ManualClock]) -> None:
    """An alert committed to the store reaches an open page within half a second."""
    client, state, clock = served
    stream = await client.get("/api/v1/stream", headers=BEARER)
    assert b"hello" in await stream.content.readuntil(b"\n\n")
    made = alert(9, "critical", clock)
    await state.commit(Commit(puts=(Put("alerts", made.id, encode(made), made.detected_at),)))
    message = await asyncio.wait_for(stream.content.readuntil(b"\n\n"), 0.5)
    assert message.startswith(b"event: alert\n") and b'"alert-9"' in message
    stream.close()


async def test_health_is_open_and_honest() -> None:
    """/healthz and /readyz answer 503 with the reason when something is wrong."""
    clock = ManualClock()
    console, _ = await sample_console(clock)
    console._health = lambda: (False, False, {"problems": ["correlate has not started"]})
    async with TestClient(TestServer(console.app())) as client:
        for path in ("/healthz", "/readyz"):
            answer = await client.get(path)
            assert answer.status == 503
            assert "correlate has not started" in await answer.text()
        assert "vonggac_up" in await (await client.get("/metrics")).text()
