"""One SQLite file, used by many at once: in this process and in others.

Rules: WAL and ``synchronous=FULL``, so a commit that returned has been synced to the disk. One thread writes; it takes all steps
that are waiting and commits them together, each within a savepoint, so that one that fails undoes only itself. Readers have
their own connections and threads. Who waits for news is woken at once by a commit of this process, and within ``POLL``
by one of another (``PRAGMA data_version``, a look into shared memory).
"""

import asyncio
import contextlib
import os
import queue
import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from model import BackboneError, CorruptError, FullError

T = TypeVar("T")

POLL: Final = 0.015
"""Seconds between looks for commits of other processes, only while somebody waits."""
BUSY: Final = 10.0
"""Seconds to wait for another process's write before giving up."""
_TOGETHER: Final = 256
_ROOM: Final = 1 << 20
_VERSION: Final = 1
_WAL: Final = 64
"""A write-ahead log is written into its file when it has one part in so many of the disk, and cut back to twice that."""
_WAL_PAGES: Final = (128, 4000)
_WAL_BYTES: Final = 64 << 20


class SqliteFile:
    """Use ``await SqliteFile.open(...)``. All methods belong to the event loop that opened it."""

    def __init__(self, path: Path, max_bytes: int, synced: bool = True) -> None:
        self.path = path
        self._synced = synced
        self._max_bytes = max_bytes
        self._disk = 0
        self._steps: queue.SimpleQueue[tuple[Callable[[sqlite3.Connection], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix=f"read-{path.name}")
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._loop = asyncio.get_running_loop()
        self._moves = 0
        self._seen = -1
        self._waiting: set[asyncio.Future[None]] = set()
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, path: Path, schema: Sequence[str], max_bytes: int = 0, synced: bool = True) -> "SqliteFile":
        """Open or make the file (mode 0600, its folder 0700). ``max_bytes`` bounds its size (0: the disk does).

        Not ``synced``: a power cut may undo the last commits, never tear one; for what can be made again from elsewhere.
        """
        file = cls(path, max_bytes, synced)
        try:
            await asyncio.to_thread(file._start, schema)
        except sqlite3.Error as error:
            file._readers.shutdown()
            raise file.explain(error) from error
        return file

    def _start(self, schema: Sequence[str]) -> None:
        make_private(self.path)
        self._disk = shutil.disk_usage(self.path.parent).total
        self._writer = self._connect()
        found = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if found > _VERSION:
            raise BackboneError(f"{self.path} was written by a newer version (format {found}); install that version again.")
        if found < _VERSION:
            # Only once: an existing file must open, and be readable, on a disk that is full.
            self._writer.execute("PRAGMA journal_mode=WAL")
            self._writer.execute("BEGIN IMMEDIATE")
            for statement in schema:
                self._writer.execute(statement)
            self._writer.execute(f"PRAGMA user_version={_VERSION}")
            self._writer.execute("COMMIT")
        if self._max_bytes:
            size = self._writer.execute("PRAGMA page_size").fetchone()[0]
            self._writer.execute(f"PRAGMA max_page_count={max(1, self._max_bytes // size)}")
        self._watch = self._connect()
        self._thread = threading.Thread(target=self._work, name=f"write-{self.path.name}", daemon=True)
        self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA synchronous={'FULL' if self._synced else 'NORMAL'}")
        # Some builds of SQLite write zeros over what is deleted: trimming would then need as much room as what it drops.
        connection.execute("PRAGMA secure_delete=FAST")
        # On a small disk the write-ahead logs of the house's files would take most of it.
        wal, (least, most) = self._disk // _WAL, _WAL_PAGES
        connection.execute(f"PRAGMA wal_autocheckpoint={min(most, max(least, wal // 4096))}")
        connection.execute(f"PRAGMA journal_size_limit={min(_WAL_BYTES, 2 * wal)}")
        self._opened.append(connection)
        return connection

    async def write(self, step: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``step`` in the writer's transaction; return its result once it is durable. What it raises undoes it alone."""
        self._require_open()
        outcome: Future[T] = Future()
        outcome.set_running_or_notify_cancel()
        self._steps.put((step, outcome))
        return await asyncio.wrap_future(outcome)

    async def read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``ask`` on a reader's connection."""
        self._require_open()
        return await self._loop.run_in_executor(self._readers, self._ask, ask)

    async def shrink(self) -> None:
        """Give the disk the pages nobody uses. Writers wait as long as it takes to write the others."""
        await self.read(_shrink)

    def _require_open(self) -> None:
        if self._closed:
            raise BackboneError(f"{self.path} is closed; open it again.")

    def _ask(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        if not hasattr(self._own, "connection"):
            self._own.connection = self._connect()
        try:
            return ask(self._own.connection)
        except sqlite3.Error as error:
            raise self.explain(error) from error

    def _work(self) -> None:
        while (first := self._steps.get()) is not None:
            steps = [first]
            ended = False
            with contextlib.suppress(queue.Empty):
                while len(steps) < _TOGETHER and not ended:
                    if (more := self._steps.get_nowait()) is None:
                        ended = True
                    else:
                        steps.append(more)
            self._commit(steps)
            if ended:
                return

    def _commit(self, steps: list[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]]) -> None:
        """One transaction for ``steps``; when it fails as a whole, one for each."""
        done: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for step, outcome in steps:
                done.append((outcome, *self._try(step)))
            self._writer.execute("COMMIT")
        except Exception as error:  # the thread must live on, and every caller must get an answer
            if self._writer.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._writer.execute("ROLLBACK")
            if len(steps) > 1:
                for one in steps:
                    self._commit([one])
            else:
                steps[0][1].set_exception(self.explain(error) if isinstance(error, sqlite3.Error) else error)
            return
        for outcome, result, failure in done:
            outcome.set_result(result) if failure is None else outcome.set_exception(failure)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._move)

    def _try(self, step: Callable[[sqlite3.Connection], Any]) -> tuple[Any, BaseException | None]:
        self._writer.execute("SAVEPOINT step")
        try:
            result = step(self._writer)
        except sqlite3.Error:
            raise
        except Exception as error:
            self._writer.execute("ROLLBACK TO step")
            self._writer.execute("RELEASE step")
            return None, error
        self._writer.execute("RELEASE step")
        return result, None

    def explain(self, error: sqlite3.Error) -> BackboneError:
        """SQLite's error as ours: FullError, CorruptError or BackboneError."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and shutil.disk_usage(self.path.parent).free < _ROOM):
            return FullError(f"No room for {self.path}; free some disk space or raise its limit. Nothing was stored.")
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return CorruptError(f"{self.path} is damaged ({error}); move it away and restore it from a copy.")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return BackboneError(f"{self.path} was held by another process for {BUSY:.0f} s; look for one that hangs.")
        return BackboneError(f"{self.path} cannot be used ({error}); look at the disk and the folder's permissions.")

    def mark(self) -> int:
        """A number that is another one after every commit seen; take it before looking, give it to ``moved`` after."""
        try:
            seen = self._watch.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            seen = self._seen
        if seen != self._seen:
            self._seen = seen
            self._move()
        return self._moves

    async def moved(self, mark: int, wait: float) -> None:
        """Return once something was committed since ``mark``, at the latest after ``wait`` seconds."""
        self._require_open()
        if self._moves != mark:
            return
        waiter = self._loop.create_future()
        self._waiting.add(waiter)
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll(), name=f"poll-{self.path.name}")
        await asyncio.wait([waiter], timeout=wait)
        self._waiting.discard(waiter)

    async def _poll(self) -> None:
        while self._waiting:
            await asyncio.sleep(POLL)
            self.mark()
        self._poller = None

    def _move(self) -> None:
        self._moves += 1
        waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def close(self) -> None:
        """Commit what is waiting, then close. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._move()
        self._steps.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._poller is not None:
            self._poller.cancel()
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._opened:
            connection.close()


def _shrink(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def make_private(path: Path) -> None:
    """Make ``path`` with mode 0600 if it is not there, and missing folders above it with 0700; durable."""
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise BackboneError(f"{path} cannot be opened ({error.strerror}); look at the folder's permissions.") from error
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
