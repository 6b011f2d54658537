import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.clock import ManualClock
from backbone.memory_bus import MemoryBus
from backbone.signals import MemorySignals
from collector.sources.http import Http
from collector.sources.http_body import BodyError, Limits, cut, unpack
from model.moment import HOUR

KEY = "secret-key"
LIMITS = Limits(unpacked=1 << 20, ratio=200, records=1000, record=1000)
AUTH = {"Authorization": f"Bearer {KEY}"}


class Remembering(MemoryBus):
    """The bus whose checkpoints the stand-in intake writes."""

    def __init__(self, inlet: Any, clock: ManualClock) -> None:
        super().__init__(clock)
        self.forgotten: list[tuple[str, int]] = []
        self.inlet = inlet

    async def checkpoint(self, name: str) -> bytes | None:
        kept: bytes | None = self.inlet.checkpoints.get(name)
        return kept

    async def forget(self, prefix: str, before: int) -> int:
        self.forgotten.append((prefix, before))
        return 0


@asynccontextmanager
async def serving(inlet: Any, running: Any, **settings: Any) -> AsyncIterator[tuple[Http, aiohttp.ClientSession, MemorySignals]]:
    signals, clock = MemorySignals(), ManualClock()
    keys = {"k1": sha256(KEY.encode()).hexdigest()}
    settings = {"name": "web", "host": "127.0.0.1", "port": 0, "keys": keys, "bus": Remembering(inlet, clock), **settings}
    source = Http(inlet=inlet, signals=signals, clock=clock, **settings)
    async with running(source):
        base = f"http://127.0.0.1:{source.address[1]}"
        async with aiohttp.ClientSession(base, headers=AUTH) as session:
            yield source, session, signals


async def post(
    session: aiohttp.ClientSession, body: bytes, kind: str = "", path: str = "/ingest", **headers: str
) -> tuple[int, Any]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if kind:
        given["Content-Type"] = kind
    skip = [] if kind else ["Content-Type"]
    async with session.post(path, data=body, headers=given, skip_auto_headers=skip) as response:
        return response.status, await response.json(content_type=None)


async def test_every_shape_of_body(inlet: Any, running: Any) -> None:
    """Object, array, JSON lines, text, gzip: every record keeps its own bytes; a bad JSON line is kept and counted."""
    async with serving(inlet, running) as (_, session, _):
        assert await post(session, b' {"a": 1}\n', "application/json") == (200, {"accepted": 1, "unparsed": 0})
        assert await post(session, b'[{"b": 1} , {"c":  2}]', "application/json; charset=utf-8") == (
            200,
            {"accepted": 2, "unparsed": 0},
        )
        assert await post(session, b'{"d":1}\n\nnot json\n{"e":2}', "application/x-ndjson") == (
            200,
            {"accepted": 3, "unparsed": 1},
        )
        assert await post(session, b'{"f":1}\n{"g":2}\n', "application/json") == (200, {"accepted": 2, "unparsed": 0})
        assert await post(session, b"one\r\ntwo", "text/plain") == (200, {"accepted": 2, "unparsed": 0})
        packed = gzip.compress(b'{"h":1}\n{"i":2}\n')
        assert await post(session, packed, "application/x-ndjson", Content_Encoding="gzip") == (
            200,
            {"accepted": 2, "unparsed": 0},
        )
        assert await post(session, b'{"j":1}', path="/ingest/portal") == (200, {"accepted": 1, "unparsed": 0})
    expected = ['{"a": 1}', '{"b": 1}', '{"c":  2}', '{"d":1}', "not json", '{"e":2}', '{"f":1}', '{"g":2}', "one", "two"]
    assert inlet.lines == [line.encode() for line in [*expected, '{"h":1}', '{"i":2}', '{"j":1}']]
    assert inlet.records[-1].source == "portal" and inlet.records[0].source == "web"
    assert len({r.cursor for r in inlet.records}) == len(inlet.records)


async def test_keys(inlet: Any, running: Any) -> None:
    """No key, a wrong key: 401 as problem JSON and nothing stored; either header works; /healthz needs none."""
    async with serving(inlet, running) as (_, session, _):
        for headers in (
            {"Authorization": ""},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic x", "X-API-Key": "no\xff"},
        ):
            status, body = await post(session, b"x", "text/plain", **headers)
            assert (status, body["status"], body["title"]) == (401, 401, "Unauthorized")
        assert (await post(session, b"x", "text/plain", Authorization="", X_API_Key=KEY))[0] == 200
        async with session.get("/healthz", headers={"Authorization": ""}) as response:
            assert response.status == 200
    assert inlet.lines == [b"x"]


async def test_an_idempotency_key_stores_once(inlet: Any, running: Any) -> None:
    """The repeat is answered as the first time and stores nothing, also when both come at once; another body is refused."""
    async with serving(inlet, running) as (_, session, _):
        inlet.delay = 0.05
        answers = await asyncio.gather(*(post(session, b"a\nb", "text/plain", Idempotency_Key="one") for _ in range(5)))
        assert answers == [(200, {"accepted": 2, "unparsed": 0})] * 5
        assert inlet.lines == [b"a", b"b"]
        assert (await post(session, b"c", "text/plain", Idempotency_Key="one"))[0] == 422
        assert (await post(session, b"c", "text/plain", Idempotency_Key="two"))[0] == 200
        assert (await post(session, b"c", "text/plain", Idempotency_Key="k" * 256))[0] == 400
    assert [r.cursor for r in inlet.records] == ["k1:one:0", "k1:one:1", "k1:two:0"]
    assert set(inlet.checkpoints) == {"http:web:k1:one", "http:web:k1:two"}


async def test_not_durable_is_not_accepted(inlet: Any, running: Any) -> None:
    """Full: 503 with Retry-After and nothing remembered; slower than the limit: 503; afterwards the same key works."""
    async with serving(inlet, running, commit_timeout=0.2) as (_, session, signals):
        inlet.full = 1
        async with session.post("/ingest", data=b"x", headers={"Idempotency-Key": "k", "Content-Type": "x/y"}) as response:
            assert response.status == 415
        async with session.post("/ingest", data="x", headers={"Idempotency-Key": "k"}) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "5")
        inlet.gate.clear()
        assert (await post(session, b"x", "text/plain", Idempotency_Key="k"))[0] == 503
        inlet.gate.set()
        assert (await post(session, b"x", "text/plain", Idempotency_Key="k"))[0] == 200
    assert signals.counts["collector_http_requests{source=web,status=503}"] == 2


async def test_limits(inlet: Any, running: Any) -> None:
    """Too large, too many, too deep, unknown kinds and a zip bomb: each its own status, nothing stored, memory bounded."""
    limits = {"max_body": 100_000, "max_unpacked": 2 << 20, "max_records": 10, "max_record": 50}
    async with serving(inlet, running, names=["portal"], **limits) as (_, session, _):
        assert (await post(session, b"x" * 100_001, "text/plain"))[0] == 413
        assert (await post(session, b"x\n" * 11, "text/plain"))[0] == 413
        bomb = gzip.compress(gzip.compress(b"\0" * (80 << 20)) + b"\0" * (50 << 20))
        assert (await post(session, bomb, "text/plain", Content_Encoding="gzip"))[0] == 413
        assert (await post(session, b"\x1f\x8bjunk", "text/plain", Content_Encoding="gzip"))[0] == 400
        assert (await post(session, gzip.compress(b"x" * 500)[:-9], "text/plain", Content_Encoding="gzip"))[0] == 400
        assert (await post(session, b"x", "text/plain", Content_Encoding="br"))[0] == 415
        assert (await post(session, b"x", "image/png"))[0] == 415
        status, body = await post(session, b'{"a":', "application/json")
        assert status == 400 and "JSON" in body["detail"]
        assert (await post(session, b"[" * 50_000, "application/json"))[0] == 400
        assert (await post(session, b"x", "text/plain", path="/ingest/other"))[0] == 404
        assert inlet.records == []
        assert (await post(session, b"y" * 60, "text/plain", path="/ingest/portal"))[0] == 200
    assert inlet.records[0].tags == ("truncated",) and len(inlet.lines[0]) == 50


async def test_too_many_at_once(inlet: Any, running: Any) -> None:
    """Beyond ``max_requests`` in hand: 429 with Retry-After; the others are answered."""
    async with serving(inlet, running, max_requests=2) as (_, session, _):
        inlet.gate.clear()
        waiting = [asyncio.create_task(post(session, b"x", "text/plain")) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert (await post(session, b"y", "text/plain"))[0] == 429
        inlet.gate.set()
        assert [status for status, _ in await asyncio.gather(*waiting)] == [200, 200]


async def test_stop_answers_requests_in_hand(inlet: Any, running: Any) -> None:
    """A request being made durable when the stop comes is answered before run returns."""
    async with serving(inlet, running) as (_, session, _):
        inlet.delay = 0.3
        task = asyncio.create_task(post(session, b"x", "text/plain"))
        await asyncio.sleep(0.1)
    stopping = await asyncio.gather(task, return_exceptions=True)
    assert inlet.lines == [b"x"]
    assert stopping[0] == (200, {"accepted": 1, "unparsed": 0}) or isinstance(stopping[0], Exception)


async def test_connections_are_bounded(inlet: Any, running: Any) -> None:
    """Beyond the bound a connection is closed at once and counted."""
    async with serving(inlet, running, max_connections=2) as (source, _, signals):
        streams = [await asyncio.open_connection(*source.address) for _ in range(3)]
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(streams[2][0].readexactly(1), 2)
        assert signals.counts["collector_refused{reason=connections,source=web}"] == 1
        for _, writer in streams:
            writer.close()


async def test_old_keys_are_forgotten(inlet: Any, running: Any) -> None:
    """Idempotency keys older than ``remember`` hours are dropped from the bus."""
    bus = Remembering(inlet, ManualClock())
    async with serving(inlet, running, bus=bus, remember=2.0):
        await asyncio.sleep(0.02)
    assert bus.forgotten[0] == ("http:", ManualClock().now() - 2 * HOUR)


@given(
    st.binary(max_size=300), st.sampled_from(["", "application/json", "application/x-ndjson", "text/plain", "x/y"]), st.booleans()
)
def test_any_body_is_records_or_a_body_error(body: bytes, kind: str, packed: bool) -> None:
    """Nothing but BodyError comes out of any bytes, and every record is part of the body, or a JSON string's text."""
    try:
        content = unpack(gzip.compress(body) if packed else body, "gzip" if packed else "", LIMITS)
        assert content == body
        for data, _ in cut(content, kind, LIMITS).records:
            assert data in body or kind != "text/plain"
        unpack(body, "gzip", LIMITS)
    except BodyError as error:
        assert error.status in (400, 413, 415)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20), max_size=4), max_size=20))
def test_arrays_and_lines_give_the_same_records(values: list[dict[str, Any]]) -> None:
    """An array and JSON lines of the same values are the same records."""
    lines = [json.dumps(v).encode() for v in values]
    array = cut(b"[" + b",".join(lines) + b"]", "application/json", LIMITS)
    assert array.records == cut(b"\n".join(lines), "application/x-ndjson", LIMITS).records
    assert [d for d, _ in array.records] == lines


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", "application/octet-stream"])
def test_a_body_that_says_nothing_is_looked_at(kind: str) -> None:
    """Without a telling media type JSON is JSON and lines are lines, also those that begin like JSON; a string is its line."""
    apache = b"[Sun Nov 22 08:10:15 2026] [core:error] x"
    for body, wanted in [
        (b'[{"a":1},"<13>x \\u0111"]', [b'{"a":1}', "<13>x đ".encode()]),
        (b'{"a":1}\n{"a":2}\n', [b'{"a":1}', b'{"a":2}']),
        (apache + b"\n{not json", [apache, b"{not json"]),
        (b"a=b&c=d", [b"a=b&c=d"]),
        (b'["", "\\ud800"]', [b'""', b'"\\ud800"']),
    ]:
        assert [data for data, _ in cut(body, kind, LIMITS).records] == wanted


def test_random_bytes_unpack_within_bounds() -> None:
    """Compressed noise comes back whole; the ratio does not hinder small bodies."""
    noise = os.urandom(100_000)
    assert unpack(gzip.compress(noise), "gzip", LIMITS) == noise
    assert unpack(gzip.compress(b"\0" * 900_000), "gzip", LIMITS) == b"\0" * 900_000
