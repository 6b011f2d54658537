"""What only the Parquet store promises: segments, exactly-once over kill -9, the chain, the tail, bounds."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as parquet
import pytest

from backbone import parquet_search
from backbone import parquet_segments as segments
from backbone.clock import ManualClock, SystemClock
from backbone.codec import encode
from backbone.memory_bus import MemoryBus
from backbone.parquet_search import OverTime
from backbone.parquet_store import ParquetEvents
from backbone.ports import Search, Stored
from backbone.sqlite_log import SqliteLog
from model import BackboneError, Event, FullError, QueryError, event_id
from model.moment import DAY, HOUR, MINUTE, SECOND

ROOT = Path(__file__).parents[2]
START = 1_795_219_200 * SECOND


def event(n: int, at: int = 0, **more: Any) -> Event:
    happened = at or START + n * SECOND
    return Event(
        id=event_id("s", str(n)),
        source="s",
        happened_at=happened,
        received_at=happened,
        original=f"line {n}",
        format="json",
        fields={"n": n},
        **more,
    )


def stored(n: int, at: int = 0) -> Stored:
    return Stored(event(n, at), n, START)


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.glob("*/*"))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ParquetEvents]:
    opened = await ParquetEvents.open(tmp_path / "e", ManualClock(), segment_events=10, merged_files=99)
    yield opened
    await opened.close()


async def test_flush_by_number_and_by_age(tmp_path: Path) -> None:
    """Events become a segment when there are enough, or when the first has waited long enough, also without new ones."""
    clock = ManualClock()
    store = await ParquetEvents.open(tmp_path / "e", clock, segment_events=10, segment_age=MINUTE)
    assert await store.write([stored(n) for n in range(1, 10)]) == 0
    assert await store.write([stored(10)]) == 10
    assert await store.write([stored(11)]) == 10
    clock.advance(MINUTE)
    assert await store.write([]) == 11
    assert len(files(tmp_path / "e")) == 2
    await store.close()


async def test_a_segment_is_one_day(store: ParquetEvents, tmp_path: Path) -> None:
    """Events of different days go to different folders; days of few events share one file, which is searched like any other."""
    await store.write([stored(1), stored(2, START + 3 * DAY), stored(3)])
    await store.flush()
    assert [f.split("/")[0] for f in files(tmp_path / "e")] == ["2026-11-21", "2026-11-24"]
    await store.write([stored(n, START - n * 10 * DAY) for n in range(4, 104)])
    assert [f.split("/")[0] for f in files(tmp_path / "e")] == ["2026-11-21", "2026-11-24", "scattered"]
    assert (await store.search(Search())).total == 103
    assert (await store.search(Search(since=START - 995 * DAY, until=START - 985 * DAY))).total == 1


async def test_segments_are_open_parquet(store: ParquetEvents, tmp_path: Path) -> None:
    """Any Parquet reader finds the record as received, zstd-compressed, in a private file."""
    await store.write([stored(n) for n in range(1, 11)])
    path = next((tmp_path / "e").glob("*/*.parquet"))
    assert parquet.read_table(path).column("original").to_pylist() == [f"line {n}" for n in range(1, 11)]
    assert parquet.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_merge_keeps_every_event_and_the_chain(tmp_path: Path) -> None:
    """Small segments of a day become one by themselves; the chain knows; old files go after a while."""
    clock = ManualClock()
    store = await ParquetEvents.open(tmp_path / "e", clock, segment_events=10, merged_files=4, merged_events=1000)
    await store.write([stored(n) for n in range(1, 11)])
    for n in range(11, 91):
        await store.write([stored(n)])
    await store.write([stored(91, START + DAY)])
    await store.flush()
    await store.merge()
    assert (await store.search(Search())).total == 91
    assert await store.verify() == []
    before = len(files(tmp_path / "e"))
    clock.advance(10 * MINUTE)
    await store.merge()
    assert len(files(tmp_path / "e")) < before
    assert len(files(tmp_path / "e")) <= 3 + 2
    assert (await store.search(Search(text="n:5"))).total == 1
    assert await store.verify() == []
    await store.close()


async def test_an_event_is_rewritten_once_a_tier(tmp_path: Path) -> None:
    """What a steady stream leaves behind is merged by size: 640 events in files of 10 are written at most three times each."""
    clock = ManualClock()
    store = await ParquetEvents.open(tmp_path / "e", clock, segment_events=10, merged_files=4, merged_events=640)
    rewritten = 0
    for n in range(1, 641):
        await store.write([stored(n)])
        if n % 10 == 0:
            rewritten += await store.merge()
    live = (await store._manifest.snapshot()).segments
    assert [s.events for s in live] == [640] and rewritten == 64 + 16 + 4
    assert (await store.search(Search())).total == 640
    assert await store.verify() == []
    await store.close()


async def test_tampering_shows(store: ParquetEvents, tmp_path: Path) -> None:
    """A changed, missing or exchanged file and a changed row of the chain are each reported."""
    folder = tmp_path / "e"
    for day in range(4):
        await store.write([stored(n + day * 10, START + day * DAY) for n in range(1, 11)])
    assert await store.verify() == []
    length, head = await store.head()
    assert length == 4 and len(head) == 64
    changed, missing, *_ = [folder / f for f in files(folder)]
    changed.write_bytes(changed.read_bytes()[:-1] + b"?")
    missing.unlink()
    problems = await store.verify()
    assert len(problems) == 2
    assert changed.name in problems[0] and "SHA-256" in problems[0]
    assert missing.name in problems[1] and "cannot be read" in problems[1]


async def test_a_changed_chain_shows(store: ParquetEvents, tmp_path: Path) -> None:
    """Rewriting or dropping a row of the manifest breaks the chain."""
    for n in range(1, 31):
        await store.write([stored(n)])
    path = tmp_path / "e" / "manifest.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE chain SET body = replace(CAST(body AS TEXT), '\"events\":10', '\"events\":9') WHERE seq = 2")
    assert any("Row 2 of the chain was changed" in p for p in await store.verify())
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM chain WHERE seq = 2")
    assert any("Row 2 of the chain is missing" in p for p in await store.verify())


async def test_expired_stays_in_the_chain(store: ParquetEvents, tmp_path: Path) -> None:
    """Retention removes files, and the chain remembers them and stays whole."""
    await store.write([stored(n) for n in range(1, 11)])
    assert await store.expire({"": START + HOUR}) == 10
    assert await store.verify() == []
    assert (await store.head())[0] == 2
    assert (await store.search(Search())).total == 0


async def test_leftovers_are_swept(tmp_path: Path) -> None:
    """Files no manifest names are removed when a writer starts; they are never searched."""
    store = await ParquetEvents.open(tmp_path / "e", ManualClock())
    await store.write([stored(1)])
    await store.close()
    (real,) = (tmp_path / "e").glob("*/*.parquet")
    (real.parent / "000000000001-000000000009-ffffffff.parquet").write_bytes(real.read_bytes())
    (real.parent / "half.tmp").write_bytes(b"PAR1")
    store = await ParquetEvents.open(tmp_path / "e", ManualClock())
    assert (await store.search(Search())).total == 1
    await store.flush()
    assert list((tmp_path / "e").glob("*/*")) == [real]
    await store.close()


async def test_one_writer(store: ParquetEvents, tmp_path: Path) -> None:
    """A second writer is refused; a second reader is not, and sees what is written out."""
    await store.write([stored(1)])
    await store.flush()
    other = await ParquetEvents.open(tmp_path / "e", ManualClock())
    with pytest.raises(BackboneError, match="Another process writes"):
        await other.write([stored(2)])
    assert (await other.search(Search())).total == 1
    await other.close()


async def test_the_tail_is_seen_by_others(tmp_path: Path) -> None:
    """A reader with the log sees at once what is in the log and not yet written out, each event once."""
    log = MemoryBus(ManualClock())
    writer = await ParquetEvents.open(tmp_path / "e", ManualClock(), segment_events=100)
    reader = await ParquetEvents.open(tmp_path / "e", ManualClock(), log)
    for n in range(1, 251):
        await log.append("events", [("s", encode(event(n)))])
        if n % 25 == 0:
            await writer.write([Stored(event(k), k, START) for k in range(max(1, n - 49), n - 24)])
            found = await reader.search(Search(limit=3))
            assert (found.total, found.events[0].offset, found.partial) == (n, n, False)
    assert await reader.get(event(250).id) is not None
    assert (await reader.search(Search(text="n:[240 TO *]"))).total == 11
    assert sum(c for _, c in await reader.histogram(Search(since=START, until=START + HOUR), 6)) == 250
    await log.append("events", [("s", b"no event")])
    assert (await reader.search(Search())).partial
    await reader.close()
    await writer.close()


async def test_a_long_tail_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole chunks are kept between searches, dropped once written out, and beyond the bound a search says it is partial."""
    from backbone import parquet_tail

    monkeypatch.setattr(parquet_tail, "_CHUNK", 10)
    monkeypatch.setattr(parquet_tail, "KEPT", 30)
    monkeypatch.setattr(parquet_tail, "MOST", 60)
    log = MemoryBus(ManualClock())
    await log.append("events", [("s", encode(event(n))) for n in range(1, 56)])
    tail = parquet_tail.Tail(log)
    for _ in range(2):
        tables, whole, joined = await tail.after(0)
        assert (sum(t.num_rows for t in tables), whole, joined) == (55, True, True)
    tables, whole, joined = await tail.after(25)
    assert (sum(t.num_rows for t in tables), whole, joined) == (35, True, True)  # 21 to 25 are left out by the search
    await log.append("events", [("s", encode(event(n))) for n in range(56, 200)])
    assert (await tail.after(25))[1] is False
    await log.commit("g", "events", 100)
    await log.trim("events", ["g"])
    assert (await parquet_tail.Tail(log).after(50))[2] is False


async def test_time_is_bounded(store: ParquetEvents, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its time is up a search gives what it has and says so; a histogram, which cannot, is refused."""
    for n in range(1, 201):
        await store.write([stored(n)])
    count = parquet_search.Session.count
    calls = 0

    def slow(self: Any, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OverTime
        return count(self, *arguments)

    monkeypatch.setattr(parquet_search.Session, "count", slow)
    found = await store.search(Search(text="n:*", limit=2))
    assert found.partial
    assert 0 < found.total < 200
    assert [s.offset for s in found.events] == [200, 199]
    monkeypatch.setattr(parquet_search.Session, "histogram", lambda *_: (_ for _ in ()).throw(OverTime))
    with pytest.raises(QueryError, match="more than 10 s"):
        await store.histogram(Search(since=START, until=START + HOUR), 6)


async def test_a_real_search_is_interrupted(tmp_path: Path) -> None:
    """DuckDB itself stops when the limit passes, and the event loop goes on meanwhile."""
    searcher = parquet_search.Searcher(tmp_path)
    endless = "SELECT count(*) FROM range(1000000) a(i), range(1000000) b(j) WHERE i * j % 7 = 3"
    asking = asyncio.create_task(searcher.run(0.3, lambda session: session._rows(endless, [])))
    ticks = 0
    while not asking.done():
        await asyncio.sleep(0.01)
        ticks += 1
    with pytest.raises(OverTime):
        await asking
    assert 5 < ticks < 200
    cancelled = asyncio.create_task(searcher.run(60, lambda session: session._rows(endless, [])))
    await asyncio.sleep(0.1)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await asyncio.wait_for(searcher.close(), 5)


async def test_only_its_own_folder_is_read(store: ParquetEvents) -> None:
    """The search's DuckDB can read nothing outside the store."""
    import duckdb

    with pytest.raises(duckdb.Error):
        store._searcher._database.execute("SELECT * FROM read_text('/etc/hostname')")
    with pytest.raises(duckdb.Error):
        store._searcher._database.execute("SET enable_external_access = true")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_full_disk(small_disk: Path) -> None:
    """A full disk is a FullError, leaves no half file, and with room again the same call goes on; nothing lost, nothing twice."""
    store = await ParquetEvents.open(small_disk / "e", ManualClock(), segment_events=20)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2_000_000))
    noise = random.Random(1)

    def batch(start: int) -> list[Stored]:
        return [Stored(event(n, peer=noise.randbytes(15_000).hex()), n, START) for n in range(start, start + 20)]

    done = 0
    with pytest.raises(FullError, match="No room"):
        for start in range(1, 1000, 20):
            done = start - 1
            await store.write(batch(start))
    for _ in range(2):
        with pytest.raises(FullError):
            await store.write(batch(done + 1))
    assert not list((small_disk / "e").glob("*/*.tmp"))
    assert await store.resume() == done
    ballast.unlink()
    assert await store.write(batch(done + 1)) == done + 20
    assert (await store.search(Search())).total == done + 20
    assert await store.verify() == []
    await store.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from backbone.clock import SystemClock
from backbone.codec import decode_event
from backbone.parquet_store import ParquetEvents
from backbone.ports import Stored
from backbone.sqlite_log import SqliteLog

async def main():
    log = await SqliteLog.open(Path(sys.argv[1]) / "log.db", SystemClock())
    store = await ParquetEvents.open(Path(sys.argv[1]) / "e", SystemClock(), segment_events=40, merged_files=3, merged_events=400)
    after = await store.resume()
    print("ready", flush=True)
    while records := await log.read("events", after, 15):
        await store.write([Stored(decode_event(r.value), r.offset, r.appended_at) for r in records])
        after = records[-1].offset
    await store.close()
    print("done", flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_kill_stores_each_event_once(tmp_path: Path) -> None:
    """Killed at random moments while writing and merging: in the end every event is there once, and the chain is whole."""
    log = await SqliteLog.open(tmp_path / "log.db", SystemClock())
    await log.append("events", [("s", encode(event(n, START + n % 3 * DAY + n))) for n in range(1, 6001)])
    chance = random.Random(3)
    kills = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ}
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if kills < 10:
            await asyncio.sleep(0.02 + chance.random() * 0.15)
            process.send_signal(signal.SIGKILL)
            kills += 1
        if "done" in process.stdout.read():
            break
        process.wait()
    process.wait()
    store = await ParquetEvents.open(tmp_path / "e", SystemClock())
    found = await store.search(Search(limit=6000))
    assert sorted(s.offset for s in found.events) == list(range(1, 6001))
    assert found.total == 6000
    assert await store.verify() == []
    await store.close()
    await log.close()


async def test_long_events_are_written_out_before_they_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes close a segment as well as its number of events; merged again, all are there."""
    monkeypatch.setattr(segments, "FLUSH_BYTES", 1 << 20)
    monkeypatch.setattr(segments, "GROUP_BYTES", 1 << 20)
    store = await ParquetEvents.open(tmp_path, SystemClock(), merged_files=3)
    for first in range(1, 121, 10):
        await store.write(
            [Stored(msgspec.structs.replace(event(n), original="x" * 20_000), n, START) for n in range(first, first + 10)]
        )
        assert store._writer.rows <= 60
    await store.flush()
    await store.merge()
    found = await store.search(Search(limit=200))
    assert found.total == 120 and len({s.event.id for s in found.events}) == 120
    await store.close()
