"""Measures the log and the event store on made-up but varied events: `python -m bench.store [EVENTS]`. Medians of three runs."""

import asyncio
import random
import sqlite3
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow

from backbone.clock import SystemClock
from backbone.codec import encode_event
from backbone.parquet_columns import table
from backbone.parquet_store import ParquetEvents
from backbone.ports import Commit, Put, Search, Stored
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from model import Event, LogSource, event_id
from model.moment import HOUR, SECOND

START = 1_795_219_200 * SECOND


def events(count: int) -> list[Stored]:
    """Access-log events of about 1.2 KB encoded: some thousand addresses, users and paths, every identifier different."""
    chance = random.Random(1)
    made: list[Stored] = []
    for n in range(1, count + 1):
        ip = f"203.0.{chance.randrange(16)}.{chance.randrange(256)}"
        user = f"nguyễn.{chance.randrange(3000)}" if n % 5 == 0 else f"cb{chance.randrange(4000):05}"
        path = f"/dvc/ho-so/{chance.randrange(10**9):012}/{chance.choice(('nop', 'xem', 'tai', 'thanh-toan'))}"
        query = f"ma={chance.getrandbits(128):032x}&trang={chance.randrange(50)}"
        agent = (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"
            f"13{n % 9}.0.0.0 Safari/537.36"
        )
        status, size = chance.choice((200, 200, 200, 302, 404, 500)), chance.randrange(50_000)
        at = START + n * 333
        line = f'"GET {path}?{query} HTTP/1.1" {status} {size} "https://dichvucong.example.vn/" "{agent}"'
        original = f"{ip} - {user} [21/Nov/2026:07:00:{n % 60:02} +0700] {line}"
        fields: dict[str, Any] = {
            "c-ip": ip,
            "cs-username": user,
            "cs-method": "GET",
            "cs-uri": f"{path}?{query}",
            "cs-uri-stem": path,
            "cs-uri-query": query,
            "cs-version": "HTTP/1.1",
            "sc-status": status,
            "sc-bytes": size,
            "cs-referer": "https://dichvucong.example.vn/",
            "cs-user-agent": agent,
            "message": original,
        }
        event = Event(
            id=event_id("portal", str(n)),
            source="portal",
            happened_at=at,
            received_at=at + 400,
            original=original,
            format="nginx_access",
            logsource=LogSource("nginx", ("webserver",), "access"),
            system="dvc",
            host=f"web-{n % 4}",
            peer="/var/log/nginx/access.log",
            fields=fields,
        )
        made.append(Stored(event, n, at + 900))
    return made


async def timed(times: int, run: Callable[[], Awaitable[object]]) -> float:
    """Median seconds of ``run``."""
    took: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        await run()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


_said: list[tuple[str, str]] = []


def say(what: str, value: str) -> None:
    _said.append((what, value))


def weigh(folder: Path, names: str) -> int:
    """Bytes of the files so named."""
    return sum(file.stat().st_size for file in folder.glob(names))


async def log(folder: Path, records: list[tuple[str, bytes]]) -> None:
    store = await SqliteLog.open(folder / "log.db", SystemClock())
    batches = [records[n : n + 1000] for n in range(0, len(records), 1000)]

    async def serial() -> None:
        for batch in batches:
            await store.append("events", batch)

    async def parallel() -> None:
        await asyncio.gather(*(store.append("events", batch) for batch in batches))

    async def read() -> None:
        after = 0
        while got := await store.read("events", after, 1000):
            after = got[-1].offset

    say("append, batches of 1,000, one caller, records/s", f"{len(records) / await timed(3, serial):,.0f}")
    say("append, batches of 1,000, many callers, records/s", f"{len(records) / await timed(3, parallel):,.0f}")
    say("append one record, ms", f"{await timed(200, lambda: store.append('events', records[:1])) * 1000:.2f}")
    end = await store.end("events")
    say("read, records/s", f"{end / await timed(1, read):,.0f}")
    say("bytes a record on the disk", f"{weigh(folder, 'log.db') / end:.0f}")
    await store.close()


def row_a_record(folder: Path, records: list[tuple[str, bytes]], packed: bool) -> float:
    """The alternatives, in bare SQLite: records/s with a row a record, or with a plain packed row a batch."""
    connection = sqlite3.connect(folder / f"rows{packed}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE records(key INTEGER PRIMARY KEY, source TEXT, value BLOB, at INTEGER, crc INTEGER)")
    began = time.perf_counter()
    for n in range(0, len(records), 1000):
        batch = records[n : n + 1000]
        rows = [(None, k, v, 0, zlib.crc32(v)) for k, v in batch]
        if packed:
            plain = msgspec.msgpack.encode(batch)
            rows = [(None, "", plain, 0, zlib.crc32(plain))]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO records VALUES(?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return len(records) / took


async def state(folder: Path) -> None:
    store = await SqliteState.open(folder / "state.db", SystemClock())
    value = b"x" * 800
    numbers = iter(range(10**9))

    async def one() -> None:
        await store.commit(Commit(puts=(Put("s", str(next(numbers)), value, 1),)))

    async def thousand() -> None:
        await store.commit(Commit(puts=tuple(Put("t", str(n), value, n) for n in range(1000))))

    async def many() -> None:
        await asyncio.gather(*(one() for _ in range(2000)))

    say("small commit, one after the other, commits/s", f"{1 / await timed(200, one):,.0f}")
    say("small commits, 2,000 at once, commits/s", f"{2000 / await timed(3, many):,.0f}")
    say("commit of 1,000 puts, ms", f"{await timed(5, thousand) * 1000:.0f}")
    await store.close()


async def parquet(folder: Path, made: list[Stored]) -> None:
    batches = [made[n : n + 1000] for n in range(0, len(made), 1000)]

    async def columns() -> None:
        for batch in batches[:50]:
            table(batch)

    say("build columns, µs an event", f"{await timed(3, columns) / min(len(made), 50_000) * 1e6:.1f}")
    store = await ParquetEvents.open(folder / "events", SystemClock())
    began, cpu = time.perf_counter(), time.process_time()
    for batch in batches:
        await store.write(batch)
    await store.flush()
    say("write, µs an event (wall)", f"{(time.perf_counter() - began) / len(made) * 1e6:.1f}")
    say("write, µs an event (processor)", f"{(time.process_time() - cpu) / len(made) * 1e6:.1f}")
    await store.merge()
    say("bytes an event on the disk", f"{weigh(folder / 'events', '*/*.parquet') / len(made):.0f}")
    rare = made[len(made) // 3]
    for name, text in {
        "newest page of everything": "",
        "by address (rare)": f"c-ip:{rare.event.fields['c-ip']}",
        "by user, ECS name": f"user.name:{rare.event.fields['cs-username']}",
        "status range": "sc-status:>=500",
        "wildcard in a column": "cs-uri-stem:*thanh-toan",
        "wildcard in a field without column": "cs-user-agent:*Chrome/135*",
        "free text, ASCII": rare.event.fields["cs-uri-stem"][12:24],
        "free text, Vietnamese": "nguyễn.1234",
    }.items():
        found = await store.search(Search(text=text))
        took = await timed(3, lambda text=text: store.search(Search(text=text)))  # type: ignore[misc]
        say(f"search, {name} ({found.total:,} of {len(made):,}), ms", f"{took * 1000:.0f}")
    say("one event by id, ms", f"{await timed(5, lambda: store.get(rare.event.id)) * 1000:.0f}")
    span = Search(since=START, until=START + HOUR)
    say("histogram of 60, ms", f"{await timed(3, lambda: store.histogram(span, 60)) * 1000:.0f}")
    await store.close()


async def run(folder: Path, count: int) -> list[tuple[str, str]]:
    """(what, value) of everything, with ``count`` events, in ``folder``."""
    _said.clear()
    made = events(count)
    records = [(s.event.source, encode_event(s.event)) for s in made[:60_000]]
    pyarrow.set_cpu_count(2)
    say("bytes a record", f"{sum(len(v) for _, v in records) / len(records):.0f}")
    for what, packed in (("a row a record", False), ("a plain row a batch", True)):
        rates = [row_a_record(_fresh(folder), records, packed) for _ in range(3)]
        say(f"bare SQLite, {what}, records/s", f"{statistics.median(rates):,.0f}")
    await log(folder, records)
    await state(folder)
    await parquet(folder, made)
    return list(_said)


def _fresh(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=".") as name:
        for what, value in asyncio.run(run(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)):
            print(f"| {what} | {value} |")
