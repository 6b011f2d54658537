"""The store: all or nothing, together."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from national.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(tmp_path / "n.db")
    made.open()
    await made.run(lambda db: db.execute("CREATE TABLE t(x INTEGER PRIMARY KEY)"))
    yield made
    await made.close()


def add(x: int, fail: bool = False) -> object:
    def job(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO t VALUES(?)", (x,))
        if fail:
            raise LookupError(x)
        return x

    return job


async def test_a_refused_job_leaves_nothing_and_harms_no_neighbour(store: Store) -> None:
    """Of jobs committed together those that raise are undone alone."""
    jobs = [store.run(add(n, fail=n % 3 == 0)) for n in range(60)]
    results = await asyncio.gather(*jobs, return_exceptions=True)
    kept = [r[0] for r in await store.run(lambda db: db.execute("SELECT x FROM t ORDER BY x").fetchall())]
    assert kept == [n for n in range(60) if n % 3] == [r for r in results if isinstance(r, int)]
    assert all(isinstance(r, LookupError) for r in results[::3])


async def test_what_is_answered_is_durable(store: Store, tmp_path: Path) -> None:
    """Another connection sees the row once the job has returned; the file is private and synced in full."""
    await store.run(add(7))
    other = sqlite3.connect(tmp_path / "n.db")
    assert other.execute("SELECT x FROM t").fetchall() == [(7,)]
    other.close()
    assert (await store.run(lambda db: db.execute("PRAGMA synchronous").fetchone()))[0] == 2
    assert (tmp_path / "n.db").stat().st_mode & 0o077 == 0


async def test_a_caller_who_leaves_does_not_undo(store: Store) -> None:
    """A cancelled caller's job still runs whole."""
    task = asyncio.create_task(store.run(add(1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.run(lambda db: db.execute("SELECT count(*) FROM t").fetchone()) == (1,)
