"""What only the SQLite log promises: durability, other processes, damage, a full disk."""

import asyncio
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.clock import SystemClock
from backbone.sqlite_log import SqliteLog
from model import BackboneError, CorruptError, FullError

ROOT = Path(__file__).parents[2]

APPENDER = """
import asyncio, sys
from pathlib import Path
from backbone.clock import SystemClock
from backbone.sqlite_log import SqliteLog

async def main():
    log = await SqliteLog.open(Path(sys.argv[1]), SystemClock())
    async def one(worker):
        n = int((await log.checkpoint(f"w{worker}") or b"0").decode())
        while True:
            values = [(f"w{worker}", b"%d" % k) for k in range(n, n + 7)]
            n += 7
            end = await log.append("events", values, {f"w{worker}": b"%d" % n})
            print(worker, n, end, flush=True)
    await asyncio.gather(*(one(w) for w in range(4)))

asyncio.run(main())
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ}
    )


@pytest.mark.slow
async def test_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Twelve times killed at a random moment: every acknowledged batch is there once, in order, with its checkpoint."""
    chance = random.Random(7)
    acknowledged: dict[int, int] = {}
    for _ in range(12):
        process = start(APPENDER, tmp_path / "log.db")
        assert process.stdout is not None
        process.stdout.readline()
        await asyncio.sleep(chance.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        for line in process.stdout.read().splitlines():
            if len(words := line.split()) == 3:
                acknowledged[int(words[0])] = int(words[1])
        process.wait()
    log = await SqliteLog.open(tmp_path / "log.db", SystemClock())
    seen: dict[str, list[int]] = {}
    after = 0
    while records := await log.read("events", after, 1000):
        assert [r.offset for r in records] == list(range(after + 1, after + 1 + len(records)))
        after = records[-1].offset
        for record in records:
            seen.setdefault(record.key, []).append(int(record.value))
    assert after > 1000
    for worker, n in acknowledged.items():
        values = seen[f"w{worker}"]
        assert values == list(range(len(values)))
        assert len(values) >= n
        assert await log.checkpoint(f"w{worker}") == str(len(values)).encode()
    await log.close()


async def test_another_process_is_seen_promptly(tmp_path: Path) -> None:
    """A waiting reader sees what another process appends within a fraction of a second."""
    log = await SqliteLog.open(tmp_path / "log.db", SystemClock())
    process = start(APPENDER, tmp_path / "log.db")
    try:
        delays: list[float] = []
        after = 0
        while len(delays) < 20:
            records = await log.read("events", after, 10_000, wait=20)
            delays.append(time.time() - records[-1].appended_at / 1e6)
            after = records[-1].offset
        assert sorted(delays)[10] < 0.5
    finally:
        process.kill()
        process.wait()
        await log.close()


async def test_damage_is_named(tmp_path: Path) -> None:
    """A changed batch raises CorruptError with file and offset; records before it are still read."""
    path = tmp_path / "log.db"
    log = await SqliteLog.open(path, SystemClock())
    for n in range(3):
        await log.append("events", [("k", bytes([n]) * 1000)] * 10)
    await log.close()
    with sqlite3.connect(path) as connection:
        key, packed = connection.execute("SELECT key, packed FROM batches ORDER BY key LIMIT 1 OFFSET 1").fetchone()
        connection.execute("UPDATE batches SET packed = ? WHERE key = ?", (packed[:-1] + bytes([packed[-1] ^ 1]), key))
    log = await SqliteLog.open(path, SystemClock())
    assert len(await log.read("events", 0, 10)) == 10
    with pytest.raises(CorruptError, match=r"offset 11 of .*log\.db"):
        await log.read("events", 10, 10)
    await log.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Opening something else says what it is and touches nothing."""
    path = tmp_path / "log.db"
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(CorruptError, match="restore it from a copy"):
        await SqliteLog.open(path, SystemClock())
    assert path.read_bytes().startswith(b"not a database")


async def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """A file written by a newer version is left alone."""
    (await (log := await SqliteLog.open(tmp_path / "log.db", SystemClock())).close(), log)
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(BackboneError, match="newer version"):
        await SqliteLog.open(tmp_path / "log.db", SystemClock())


async def test_files_are_private(tmp_path: Path) -> None:
    """The database is 0600, folders made for it 0700."""
    log = await SqliteLog.open(tmp_path / "a" / "b" / "log.db", SystemClock())
    await log.append("events", [("k", b"v")])
    for path, mode in {"a": 0o700, "a/b": 0o700, "a/b/log.db": 0o600, "a/b/log.db-wal": 0o600}.items():
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == mode
    await log.close()


async def test_closed_is_said_so(tmp_path: Path) -> None:
    """After close every call is a BackboneError, and closing twice is nothing."""
    log = await SqliteLog.open(tmp_path / "log.db", SystemClock())
    await log.close()
    await log.close()
    with pytest.raises(BackboneError, match="closed"):
        await log.append("events", [])
    with pytest.raises(BackboneError, match="closed"):
        await log.end("events")


async def test_a_cancelled_append_harms_nobody(tmp_path: Path) -> None:
    """A caller that is cancelled while it waits leaves the writer working."""
    log = await SqliteLog.open(tmp_path / "log.db", SystemClock())
    for _ in range(20):
        task = asyncio.create_task(log.append("events", [("k", b"v")]))
        await asyncio.sleep(0)
        task.cancel()
    assert await log.append("events", [("k", b"last")]) >= 1
    await log.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_full_disk(small_disk: Path) -> None:
    """A full disk is a FullError, what was acknowledged stays, and with room again appends go on."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(700_000))
    log = await SqliteLog.open(small_disk / "log.db", SystemClock())
    noise = random.Random(1)
    kept = 0
    with pytest.raises(FullError, match=r"log\.db"):
        for n in range(100):
            kept = await log.append("events", [("k", noise.randbytes(50_000))], {"at": b"%d" % (n + 1)})
    assert kept > 2
    for _ in range(3):
        with pytest.raises(FullError):
            await log.append("events", [("k", noise.randbytes(500_000))])
    assert await log.end("events") == kept
    assert await log.checkpoint("at") == b"%d" % kept
    ballast.unlink()
    assert await log.append("events", [("k", noise.randbytes(50_000))]) == kept + 1
    await log.close()
    log = await SqliteLog.open(small_disk / "log.db", SystemClock())
    assert [r.offset for r in await log.read("events", 0, 1000)] == list(range(1, kept + 2))
    await log.close()


async def test_long_records_do_not_fill_the_memory(tmp_path: Path) -> None:
    """A read of many long records ends early, with at least one, and reading on gives the others."""
    log = await SqliteLog.open(tmp_path / "log.db", SystemClock())
    await log.append("events", [("s", bytes([n]) * (1 << 20)) for n in range(40)])
    after, reads = 0, []
    while found := await log.read("events", after, 1_000):
        reads.append(len(found))
        assert [r.offset for r in found] == list(range(after + 1, after + 1 + len(found)))
        after = found[-1].offset
    assert after == 40 and len(reads) > 1 and max(reads) <= 20
    await log.close()
