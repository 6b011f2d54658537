"""A real national server on loopback, with a client for it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from national.app import create_app, serve
from national.auth import Organisation, hash_key
from national.faults import Faults

KEYS = {"CM": "cm-" + "k" * 32, "HD": "hd-" + "k" * 32, "XX": "xx-" + "k" * 32}
TOKEN = "operator-" + "o" * 32
NOW = 1_795_219_200_000_000
T0 = "2026-11-21T00:00:00Z"


def make_report(local_id: str = "i1", revision: int = 1, **changes: Any) -> dict[str, Any]:
    """A valid report."""
    alert = {"id": "a", "rule": "r", "title": "Web shell", "level": "high", "happened_at": T0, "count": 2}
    report = {"local_id": local_id, "revision": revision, "profile": "VN-2026", "severity": "M2", "kind": "malware"}
    report |= {"title": "Mã độc tại cổng / Malware at the portal", "why": "Một / One", "detected_at": T0, "first_at": T0}
    return report | {"last_at": T0, "alerts": [alert], "evidence": ["GET /x"]} | changes


class National:
    """The server's address and short ways to ask it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self.base = folder, NOW, ""
        self.session: aiohttp.ClientSession
        self.token, self.keys = TOKEN, KEYS

    async def ask(self, method: str, place: str, body: Any = None, org: str = "CM", **headers: str) -> tuple[int, Any, Any]:
        """(status, headers, JSON or text). ``body`` is JSON, or bytes as they are; header names with ``_`` for ``-``."""
        sent = {"Authorization": f"Bearer {KEYS.get(org, org)}"} if org else {}
        sent |= {k.replace("_", "-"): v for k, v in headers.items()}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.base + place, data=data, headers=sent, allow_redirects=False) as response:
            text = await response.read()
            kind = response.content_type
            return response.status, response.headers, json.loads(text) if kind.endswith("json") else text.decode()

    async def submit(self, report: Any, key: str = "k1", org: str = "CM") -> tuple[int, Any, Any]:
        return await self.ask("POST", "/api/v1/incidents", report, org, Idempotency_Key=key)

    async def revise(self, id: str, changes: Any, match: str, key: str, org: str = "CM") -> tuple[int, Any, Any]:
        return await self.ask("PATCH", f"/api/v1/incidents/{id}", changes, org, Idempotency_Key=key, If_Match=match)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Any]:
    """An async context manager factory: ``async with start(error=0.5) as national``."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def running(rate: float = 0, dice: Any = None, **faults: Any) -> AsyncIterator[National]:
        national = National(tmp_path / "national")
        organisations = [
            Organisation("CM", "Cà Mau <Sở>", hash_key(KEYS["CM"])),
            Organisation("HD", "Hải Dương", hash_key(KEYS["HD"])),
            Organisation("XX", "Ngừng", hash_key(KEYS["XX"]), active=False),
        ]
        more = {"dice": dice} if dice else {}
        app = create_app(
            folder=national.folder,
            organisations=organisations,
            operator_token=TOKEN,
            faults=Faults(**faults),
            rate=rate,
            now=lambda: national.now,
            **more,
        )
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve(app, stop, port=0, started=ready.set_result))
        national.base = f"http://127.0.0.1:{await asyncio.wait_for(ready, 5)}"
        try:
            async with aiohttp.ClientSession() as national.session:
                yield national
        finally:
            stop.set()
            await asyncio.wait_for(task, 10)

    return running


@pytest.fixture
async def national(start: Any) -> AsyncIterator[National]:
    async with start() as running:
        yield running


@pytest.fixture
def report() -> Callable[..., dict[str, Any]]:
    return make_report
