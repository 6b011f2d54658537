"""What the national side keeps: SQLite, one writer thread, group commit.

Jobs that wait together are committed together, each in its own savepoint: one fsync serves many submissions, and a job that
is refused leaves nothing behind. An answer is given only after the commit.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]
GROUP = 256

SCHEMA = """
CREATE TABLE IF NOT EXISTS counters(year INTEGER, organisation TEXT, last INTEGER NOT NULL, PRIMARY KEY(year, organisation));
CREATE TABLE IF NOT EXISTS incidents(
    national_id TEXT PRIMARY KEY, organisation TEXT NOT NULL, local_id TEXT NOT NULL, revision INTEGER NOT NULL,
    severity TEXT NOT NULL, kind TEXT NOT NULL, detected_at INTEGER NOT NULL, received_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, change INTEGER NOT NULL UNIQUE, report BLOB NOT NULL, UNIQUE(organisation, local_id));
CREATE INDEX IF NOT EXISTS by_organisation ON incidents(organisation, change);
CREATE TABLE IF NOT EXISTS revisions(
    national_id TEXT NOT NULL, revision INTEGER NOT NULL, severity TEXT NOT NULL, received_at INTEGER NOT NULL,
    receipt BLOB NOT NULL, PRIMARY KEY(national_id, revision));
CREATE TABLE IF NOT EXISTS answers(
    organisation TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL, etag TEXT NOT NULL,
    body BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(organisation, key));
"""


class Store:
    """``path`` is the database file. ``open`` first, ``close`` last; ``run`` from the event loop in between."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[tuple[Job, asyncio.Future[Any], asyncio.AbstractEventLoop] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Make or open the file; sqlite3.Error or OSError when that cannot be done."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA busy_timeout=5000")
        db.executescript(SCHEMA)
        self._path.chmod(0o600)
        self._thread = threading.Thread(target=self._work, args=(db,), name="national-store", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``job`` in a transaction; its value once that is durable, its exception if it raised (nothing is kept then)."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((job, future, loop))
        # Shielded: a client that hangs up must not leave a half-known outcome in the thread's hands.
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Finish what was handed in, then close the file."""
        if self._thread:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _work(self, db: sqlite3.Connection) -> None:
        last = False
        while not last:
            group = [self._jobs.get()]
            while group[-1] is not None and len(group) < GROUP:
                try:
                    group.append(self._jobs.get_nowait())
                except queue.Empty:
                    break
            last = group[-1] is None
            self._commit(db, [g for g in group if g is not None])
        db.close()

    def _commit(self, db: sqlite3.Connection, group: list[tuple[Job, asyncio.Future[Any], asyncio.AbstractEventLoop]]) -> None:
        outcomes: list[tuple[Any, BaseException | None]] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            outcomes = [_attempt(db, job) for job, _, _ in group]
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            outcomes = [(None, error)] * len(group)
        for (_, future, loop), (value, problem) in zip(group, outcomes, strict=True):
            loop.call_soon_threadsafe(_settle, future, value, problem)


def _attempt(db: sqlite3.Connection, job: Job) -> tuple[Any, BaseException | None]:
    db.execute("SAVEPOINT job")
    try:
        value = job(db)
    except Exception as error:
        db.execute("ROLLBACK TO job")
        db.execute("RELEASE job")
        return None, error
    db.execute("RELEASE job")
    return value, None


def _settle(future: asyncio.Future[Any], value: Any, problem: BaseException | None) -> None:
    if future.done():
        return
    if problem is None:
        future.set_result(value)
    else:
        future.set_exception(problem)
