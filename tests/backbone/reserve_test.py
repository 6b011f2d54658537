"""Room the log leaves on the disk."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone import reserve
from backbone.clock import SystemClock
from backbone.reserve import WEIGHT, reserve_of
from backbone.sqlite_log import SqliteLog
from model import FullError

SIZE = 24 << 20
KEPT = SIZE // 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


async def opened(folder: Path) -> SqliteLog:
    return await SqliteLog.open(folder / "log.db", SystemClock(), reserve=512 << 20)


async def fill(log: SqliteLog, size: int = 40_000) -> int:
    """Append without bound; the last offset that was stored."""
    noise = random.Random(1)
    kept = await log.end("events")
    with pytest.raises(FullError, match=r"No room for .*log\.db.*free disk space or shorten store\.keep\. Nothing was stored"):
        while True:
            kept = await log.append("events", [("k", noise.randbytes(size))], {"at": b"%d" % (kept + 1)})
    return kept


def test_the_default_is_a_tenth_of_a_small_disk() -> None:
    """A tenth of the disk up to 5 GiB, 512 MiB beyond; a setting is bounded by the same tenth."""
    assert reserve_of(1 << 30) == (1 << 30) // 10
    assert reserve_of(1 << 40) == 512 << 20
    assert reserve_of(1 << 40, 4 << 30) == 4 << 30
    assert reserve_of(1 << 30, 4 << 30) == (1 << 30) // 10


@pytest.mark.parametrize("look", [0.0, 0.25, 1e9])
async def test_without_bound(small_disk: Path, monkeypatch: pytest.MonkeyPatch, look: float) -> None:
    """However seldom the disk is looked at, a sender without bound leaves the reserve, and room to store what it sent."""
    monkeypatch.setattr(reserve, "_LOOK", look)
    log = await opened(small_disk)
    kept = await fill(log)
    assert await log.end("events") == kept
    assert await log.checkpoint("at") == b"%d" % kept
    waits = kept * 40_000
    # Less the log's write-ahead log, which is what the reserve is for.
    assert KEPT + WEIGHT * waits - SIZE // 64 <= free(small_disk) <= KEPT + (WEIGHT + 1) * waits
    assert "MiB must be" in log.refusing
    await log.close()


async def test_the_others_may_use_the_reserve(small_disk: Path) -> None:
    """While records are refused, positions, checkpoints and appends of other processes still go through."""
    log, other = await opened(small_disk), await SqliteLog.open(small_disk / "log.db", SystemClock())
    kept = await fill(log)
    await other.commit("store", "events", 1)
    await log.append("events", [], {"position": b"7"})
    assert await log.checkpoint("position") == b"7" and await log.position("store", "events") == 1
    assert await other.append("events", [("k", b"v")]) == kept + 1
    with pytest.raises(FullError):
        await log.append("events", [("k", b"v")])
    await other.close()
    await log.close()


async def test_what_is_trimmed_makes_room_again(small_disk: Path) -> None:
    """On a disk full up to the reserve: trimming what is done ends the refusal, by itself, as often as it is filled again."""
    log = await opened(small_disk)
    done = 0
    for _ in range(5):
        kept = await fill(log)
        assert kept > done + 50
        await log.commit("store", "events", kept)
        assert await log.trim("events", ["store"]) == kept - done
        assert log.refusing == ""
        done = kept
    await log.close()


async def test_the_disk_gets_its_pages_back(small_disk: Path) -> None:
    """When others take the disk while the log is trimmed, the log's empty pages are given to the disk; offsets go on."""
    log = await opened(small_disk)
    kept = await fill(log)
    await log.commit("store", "events", kept)
    size = (small_disk / "log.db").stat().st_size
    (small_disk / "segments").write_bytes(bytes(free(small_disk) - KEPT))
    assert await log.trim("events", ["store"]) == kept
    assert (small_disk / "log.db").stat().st_size < size // 10
    assert await log.append("events", [("k", b"v")]) == kept + 1
    assert await log.position("store", "events") == kept
    await log.close()


async def test_a_little_room_ends_no_refusal(small_disk: Path) -> None:
    """A refusal ends when half the reserve more is free, not with the first bytes: full and not full do not alternate."""
    others = [small_disk / f"other{n}" for n in range(4)]
    for ballast, part in zip(others, (8, 8, 8, 2), strict=True):
        ballast.write_bytes(bytes(KEPT // part))
    log = await opened(small_disk)
    kept = await fill(log)
    for ballast in others:
        with pytest.raises(FullError):
            await log.append("events", [("k", b"v")])
        ballast.unlink()
    assert await log.append("events", [("k", b"v")]) == kept + 1
    assert log.refusing == ""
    await log.close()


async def test_the_write_ahead_log_is_bounded(small_disk: Path) -> None:
    """On a small disk the write-ahead log stays a small part of it, also while much is trimmed."""
    log = await opened(small_disk)
    for _ in range(3):
        kept = await fill(log)
        await log.commit("store", "events", kept)
        await log.trim("events", ["store"])
        assert (small_disk / "log.db-wal").stat().st_size < SIZE // 20
    await log.close()
