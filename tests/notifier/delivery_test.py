"""The outbox reaches the real national server over loopback, whatever goes wrong on the way."""

import asyncio
import base64
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from backbone.clock import ManualClock
from backbone.codec import decode_delivery, encode
from backbone.memory_state import MemoryState
from backbone.ports import Commit, Put
from backbone.signals import MemorySignals
from model import AlertLine, Delivery, FullError, Incident, Receipt
from model.moment import HOUR, MINUTE, SECOND
from national.app import create_app, serve
from national.auth import Organisation, hash_key
from national.faults import Faults
from notifier.delivery import Deliver
from notifier.loop import Notify
from notifier.report import canonical
from notifier.sinks.national_api import NationalApi

KEY, TOKEN = "k" * 32, "o" * 32


class Bench:
    """Our side and the national side, sharing a clock that tests turn."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.signals = folder, ManualClock(), MemorySignals()
        self.state, self.port, self.dice = MemoryState(self.clock), 0, random.Random(7)

    @asynccontextmanager
    async def server(self, **faults: Any) -> AsyncIterator[None]:
        app = create_app(
            folder=self.folder,
            organisations=[Organisation("CM", "Cà Mau", hash_key(KEY))],
            operator_token=TOKEN,
            faults=Faults(**faults),
            rate=0,
            now=self.clock.now,
            dice=self.dice.random,
        )
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve(app, stop, port=self.port, started=ready.set_result))
        self.port = await asyncio.wait_for(ready, 5)
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 10)

    @asynccontextmanager
    async def client(self, timeout: float = 5.0, **settings: Any) -> AsyncIterator[asyncio.Task[None]]:
        sink = NationalApi(url=f"http://127.0.0.1:{self.port}", key=KEY, timeout=timeout)
        values: dict[str, Any] = {"state": self.state, "sink": sink, "clock": self.clock, "signals": self.signals}
        stop = asyncio.Event()
        run = Deliver(**values, profile="VN-2026", dice=self.dice.random, **settings).run(stop)
        task = asyncio.create_task(run)
        try:
            yield task
        finally:
            stop.set()
            await asyncio.wait([task], timeout=5)
            await sink.close()

    async def put(self, name: str, revision: int = 1) -> None:
        """An incident, or a newer revision of it, as the notifier's loop writes it."""
        now = self.clock.now()
        line = AlertLine("a", "r", "Cảnh báo", "high", now, revision)
        incident = Incident(name, revision, "M2", "other", "Vi / En", "w", ("dvc",), (), (line,), self.clock.at, now, now)
        entry = await self.state.get("outbox", name)
        delivery = Delivery(name, revision, due_at=now)
        if entry:
            old = decode_delivery(entry.value)
            delivery = replace(old, wanted=revision, state="waiting", due_at=max(now, old.due_at))
        kept = await self.state.get("incidents", name)
        if kept:
            incident = replace(incident, detected_at=msgspec.json.decode(kept.value)["detected_at"])
        puts = (Put("incidents", name, encode(incident)), Put("outbox", name, encode(delivery), delivery.due_at))
        await self.state.commit(Commit(puts=puts))

    async def delivery(self, name: str) -> Delivery:
        entry = await self.state.get("outbox", name)
        assert entry is not None
        return decode_delivery(entry.value)

    async def until(self, holds: Callable[[], Any], turn: int = 0, seconds: float = 20.0) -> None:
        """Wait until ``holds()``; meanwhile turn the clock by ``turn`` microseconds every 10 ms."""
        async with asyncio.timeout(seconds):
            while not await holds():
                self.clock.advance(turn)
                await asyncio.sleep(0.01)

    async def all_sent(self) -> bool:
        entries = [decode_delivery(e.value) async for e in await self.state.scan("outbox")]
        return all(d.sent == d.wanted and d.state == "delivered" for d in entries)

    def rows(self, query: str) -> list[Any]:
        """Straight out of the national side's file."""
        db = sqlite3.connect(self.folder / "national.db")
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def there(self) -> dict[str, tuple[int, str]]:
        """What the national side has: local id → revision, national id."""
        rows = self.rows("SELECT local_id, revision, national_id FROM incidents")
        assert len({r[0] for r in rows}) == len(rows)
        return {r[0]: (r[1], r[2]) for r in rows}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "national")


async def test_first_report_then_update(bench: Bench) -> None:
    """A new incident is posted at once, a later revision patched; each receipt verifies against the pinned key and is kept."""
    async with bench.server(), bench.client():
        await bench.put("i1")
        await bench.until(bench.all_sent)
        first = await bench.delivery("i1")
        assert first.national_id == "VN-2026-CM-000001" and first.receipt is not None
        await bench.put("i1", 2)
        await bench.until(bench.all_sent, SECOND)
    second = await bench.delivery("i1")
    assert (second.sent, second.national_id) == (2, first.national_id)
    assert [e.key async for e in await bench.state.scan("receipts")] == ["i1:00000001", "i1:00000002"]
    assert await bench.state.count("parcels") == 0 and await bench.state.count("pins") == 1
    assert bench.signals.counts["notifier_deliveries{result=delivered}"] == 2


async def test_updates_are_coalesced(bench: Bench) -> None:
    """Fifty revisions within the interval are one update, of the newest."""
    async with bench.server(), bench.client():
        await bench.put("i1")
        await bench.until(bench.all_sent)
        for revision in range(2, 52):
            await bench.put("i1", revision)
        await bench.until(bench.all_sent, SECOND // 10)
    assert (await bench.delivery("i1")).sent == 51
    assert bench.signals.counts["notifier_deliveries{result=delivered}"] == 2


@pytest.mark.slow
async def test_exactly_once_through_faults_and_restarts(bench: Bench) -> None:
    """200 incidents with updates, errors, lost answers, storms and a client stopped at random moments: each is there once, at its
    newest revision, and every receipt verifies."""
    names = [f"i{n}" for n in range(200)]
    for name in names:
        await bench.put(name)
    faults = {"error": 0.15, "timeout": 0.1, "storm": 0.15, "hang_seconds": 0.4, "slow": 0.05, "slow_seconds": 0.05}
    async with bench.server(**faults):
        restarts = 0
        while restarts < 8 or not await bench.all_sent():
            async with bench.client(timeout=0.3, grace=bench.dice.choice((0.0, 0.05)), workers=16):
                moment = asyncio.get_running_loop().time() + bench.dice.uniform(0.05, 0.4)
                while asyncio.get_running_loop().time() < moment:
                    bench.clock.advance(SECOND)
                    await asyncio.sleep(0.01)
            restarts += 1
            if restarts in (3, 6):
                for name in names[::3]:
                    await bench.put(name, restarts)
        there = bench.there()
        keys = await NationalApi(url=f"http://127.0.0.1:{bench.port}", key=KEY).keys()
    assert sorted(there) == sorted(names)
    for name in names:
        delivery = await bench.delivery(name)
        assert (delivery.sent, delivery.national_id) == there[name]
        assert delivery.receipt is not None
        _verify(delivery.receipt, keys)
    assert bench.signals.counts["notifier_deliveries{result=retry}"] > 20
    assert bench.signals.counts["notifier_deliveries{result=refused}"] == 0


def _verify(receipt: Receipt, keys: Any) -> None:
    """Raise InvalidSignature when the receipt's own signature does not hold."""
    values = msgspec.to_builtins(receipt)
    signature = base64.b64decode(values.pop("signature"))
    Ed25519PublicKey.from_public_bytes(keys[receipt.key]).verify(signature, canonical(values))


async def test_outage_of_an_hour_loses_nothing(bench: Bench) -> None:
    """Unreachable for an hour: everything is kept, retries stay far apart, and after recovery all is delivered soon."""
    async with bench.server():
        pass
    for n in range(40):
        await bench.put(f"i{n}")
    began = bench.clock.now()

    async def an_hour_passed() -> bool:
        return bench.clock.now() >= began + HOUR

    async with bench.client():
        await bench.until(an_hour_passed, MINUTE // 2)
        assert bench.signals.counts["notifier_deliveries{result=delivered}"] == 0
        assert 40 <= bench.signals.counts["notifier_deliveries{result=retry}"] < 2_000
        assert bench.signals.levels["notifier_outbox"] == 40
        async with bench.server():
            back = bench.clock.now()
            await bench.until(bench.all_sent, SECOND)
            assert bench.clock.now() - back < 10 * MINUTE
            assert len(bench.there()) == 40


async def test_crash_before_the_receipt_is_kept(bench: Bench) -> None:
    """Killed between the server's commit and our own, the next run gets the same receipt replayed: one incident there."""
    await bench.put("i1")
    commit = bench.state.commit

    async def failing(step: Commit) -> None:
        if any(p.space == "receipts" for p in step.puts):
            raise FullError("no room left on the disk")
        await commit(step)

    async with bench.server():
        bench.state.commit = failing  # type: ignore[method-assign]
        async with bench.client() as task:
            with pytest.raises(FullError):
                await asyncio.wait_for(asyncio.shield(task), 5)
        bench.state.commit = commit  # type: ignore[method-assign]
        assert len(bench.there()) == 1 and (await bench.delivery("i1")).sent == 0
        await bench.put("i1", 2)
        async with bench.client():
            await bench.until(bench.all_sent, SECOND)
        assert bench.there() == {"i1": (2, "VN-2026-CM-000001")}
    assert (await bench.delivery("i1")).national_id == "VN-2026-CM-000001"
    receipts = [msgspec.json.decode(e.value, type=Receipt) async for e in await bench.state.scan("receipts")]
    assert [r.revision for r in receipts] == [1, 2]


async def test_refusal_needs_a_person_and_a_new_revision_tries_again(bench: Bench) -> None:
    """A report the API never takes is marked refused, counted and not repeated; a corrected revision goes out."""
    await bench.put("bad id!")
    async with bench.server(), bench.client():

        async def refused() -> bool:
            return (await bench.delivery("bad id!")).state == "refused"

        await bench.until(refused)
        await bench.put("good")
        await bench.until(lambda: _sent(bench, "good"))
    delivery = await bench.delivery("bad id!")
    assert "422" in delivery.last_error and delivery.attempts == 1
    assert bench.signals.counts["notifier_deliveries{result=refused}"] == 1


async def _sent(bench: Bench, name: str) -> bool:
    return (await bench.delivery(name)).sent > 0


async def test_receipt_of_another_key_is_not_believed(bench: Bench) -> None:
    """With another key pinned nothing counts as delivered; with the right one the same report is then receipted, once."""
    await bench.put("i1")

    async def complained() -> bool:
        return "does not hold" in (await bench.delivery("i1")).last_error

    async with bench.server():
        async with bench.client(pinned={"0" * 16: bytes(32)}):
            await bench.until(complained)
        assert (await bench.delivery("i1")).sent == 0 and await bench.state.count("receipts") == 0
        async with bench.client():
            await bench.until(bench.all_sent, SECOND)
        assert len(bench.there()) == 1
    assert bench.signals.counts["notifier_bad_receipts"] >= 1


async def test_from_alert_to_receipt(bench: Bench, alert: Any, grouping: Any) -> None:
    """The whole room: an alert on the topic is a receipted incident well within two seconds."""
    stop = asyncio.Event()
    notify = Notify(bus=bench.state.bus, state=bench.state, grouping=grouping(), clock=bench.clock, signals=bench.signals)
    async with bench.server(), bench.client():
        task = asyncio.create_task(notify.run(stop))
        began = asyncio.get_running_loop().time()
        made = alert("a", "ip:203.0.113.5", "user:001234567890", evidence=("GET /upload?cccd=001234567890",))
        await bench.state.commit(Commit(appends=(("alerts", "a", encode(made)),)))

        async def receipted() -> bool:
            return await bench.state.count("receipts") == 1

        await bench.until(receipted)
        took = asyncio.get_running_loop().time() - began
        stop.set()
        await task
    assert took < 2
    ((report,),) = bench.rows("SELECT report FROM incidents")
    assert b"001234567890" not in report and "•••••••••890".encode() in report
