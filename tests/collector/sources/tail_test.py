import asyncio
import gzip
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backbone.clock import ManualClock, SystemClock
from backbone.memory_bus import MemoryBus
from backbone.signals import MemorySignals
from collector.sources.tail import Tail
from collector.sources.tail_follow import Follower, Settings, names
from collector.sources.tail_known import decode, first_look, merge
from model import RawRecord


class Shelf(MemoryBus):
    """Bus and inlet in one: lines and checkpoints become durable together, or (``gate`` closed) not at all."""

    def __init__(self) -> None:
        super().__init__(ManualClock())
        self.records: list[RawRecord] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def take(self, records: Sequence[RawRecord], checkpoints: Mapping[str, bytes]) -> None:
        await self.gate.wait()
        self.records += records
        await self.append("events", [(r.source, r.data) for r in records], checkpoints)

    def offer(self, records: Sequence[RawRecord]) -> int:
        raise AssertionError("a file is never offered")

    @property
    def lines(self) -> list[bytes]:
        return [r.data for r in self.records]

    async def until(self, count: int, seconds: float = 8.0) -> list[bytes]:
        async with asyncio.timeout(seconds):
            while len(self.records) < count:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        return self.lines


def new_tail(shelf: Shelf, *patterns: Path | str, **settings: Any) -> tuple[Tail, MemorySignals]:
    signals = MemorySignals()
    settings = {"rescan": 0.02, "partial_timeout": 0.2, **settings}
    made = Tail(
        name="t", patterns=[str(p) for p in patterns], inlet=shelf, bus=shelf, signals=signals, clock=SystemClock(), **settings
    )
    return made, signals


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


async def test_lines_as_they_are_written(running: Any, tmp_path: Path) -> None:
    """Lines come once each, CR LF and LF; a partial line waits for its newline; invalid bytes pass; cursors are byte offsets."""
    shelf, path = Shelf(), tmp_path / "x.log"
    tail, _ = new_tail(shelf, path)
    async with running(tail):
        await asyncio.sleep(0.05)
        write(path, "one\r\ntwo\n\nthr")
        assert await shelf.until(2) == [b"one", b"two"]
        await asyncio.sleep(0.3)
        assert len(shelf.lines) == 2
        with path.open("ab") as file:
            file.write(b"ee\xff\0\n")
        assert await shelf.until(3) == [b"one", b"two", b"three\xff\0"]
    ids = {r.cursor.split(":")[0] for r in shelf.records}
    assert len(ids) == 1 and [r.cursor.split(":")[1] for r in shelf.records] == ["0", "5", "10"]
    assert shelf.records[0].peer == str(path)


async def test_rotation_by_rename(running: Any, tmp_path: Path) -> None:
    """Only the live name is configured: what is written after the rename is read, before the new file's lines."""
    shelf, path = Shelf(), tmp_path / "x.log"
    tail, _ = new_tail(shelf, path)
    async with running(tail):
        for turn in range(5):
            with path.open("a") as old:
                old.write(f"{turn} first\n")
                old.flush()
                await shelf.until(turn * 3 + 1)
                for number in range(turn, 0, -1):
                    (tmp_path / f"x.log.{number}").rename(tmp_path / f"x.log.{number + 1}")
                path.rename(tmp_path / "x.log.1")
                old.write(f"{turn} after rename\n")
            write(path, f"{turn} new\n")
            await shelf.until(turn * 3 + 3)
    assert shelf.lines == [b"%d %s" % (t, w) for t in range(5) for w in (b"first", b"after rename", b"new")]


async def test_copy_and_truncate(running: Any, tmp_path: Path) -> None:
    """logrotate's copytruncate: what was not yet read is found in the copy, what was read is not read again, the new is read."""
    shelf, path = Shelf(), tmp_path / "x.log"
    tail, signals = new_tail(shelf, tmp_path / "x.log*")
    async with running(tail):
        write(path, "a\nb\n")
        await shelf.until(2)
        shelf.gate.clear()
        write(path, "c\n")
        shutil.copyfile(path, tmp_path / "x.log.1")
        await asyncio.sleep(0.1)
        os.truncate(path, 0)
        write(path, "d\n")
        shelf.gate.set()
        await shelf.until(4)
        await asyncio.sleep(0.2)
    assert sorted(shelf.lines) == [b"a", b"b", b"c", b"d"]
    notes = [signals.counts[f"collector_tail_notes{{kind={kind},source=t}}"] for kind in ("truncated", "rotated")]
    assert sum(notes) == 1


async def test_the_tail_of_a_file_compressed_while_we_were_away(running: Any, tmp_path: Path) -> None:
    """Stopped, the file grows, is compressed, a new one begins: the next run reads the unread rest out of the gzip file."""
    shelf, path = Shelf(), tmp_path / "x.log"
    first, _ = new_tail(shelf, path)
    async with running(first):
        write(path, "".join(f"line {n}\n" for n in range(1000)))
        await shelf.until(1000)
    write(path, "".join(f"line {n}\n" for n in range(1000, 1500)))
    (tmp_path / "x.log.2.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    write(path, "".join(f"line {n}\n" for n in range(1500, 2000)))
    second, _ = new_tail(shelf, path)
    async with running(second):
        await shelf.until(2000)
    assert shelf.lines == [b"line %d" % n for n in range(2000)]
    cursors = [r.cursor.split(":") for r in shelf.records]
    assert len({c[0] for c in cursors}) == 2
    assert [int(c[1]) for c in cursors[:1500]] == sorted(int(c[1]) for c in cursors[:1500])


async def test_files_made_and_rotated_while_we_were_away(running: Any, tmp_path: Path) -> None:
    """Rotated three times between two runs: every generation is read, once; what was rotated before the first run is not."""
    shelf, path = Shelf(), tmp_path / "x.log"
    old = tmp_path / "x.log.1"
    write(old, "long ago\n")
    os.utime(old, (1_700_000_000, 1_700_000_000))
    write(path, "one\n")
    tail, _ = new_tail(shelf, path)
    async with running(tail):
        await shelf.until(1)
    write(path, "two\n")
    for text in ("three\n", "four\n", "five\n"):
        for number in (3, 2, 1):
            if (before := tmp_path / f"x.log.{number}").exists():
                before.rename(tmp_path / f"x.log.{number + 1}")
        path.rename(old)
        write(path, text)
    packed = gzip.compress((tmp_path / "x.log.2").read_bytes())
    (tmp_path / "x.log.2.gz").write_bytes(packed)
    (tmp_path / "x.log.2").unlink()
    tail, _ = new_tail(shelf, path)
    async with running(tail):
        assert sorted(await shelf.until(5)) == [b"five", b"four", b"one", b"three", b"two"]
        await asyncio.sleep(0.3)
        assert len(shelf.lines) == 5


async def test_a_file_made_and_rotated_before_it_was_ever_seen(running: Any, tmp_path: Path) -> None:
    """The first run found nothing; then two files were made, rotated and replaced while nobody looked: all is read."""
    shelf, patterns = Shelf(), (tmp_path / "x.log", tmp_path / "*.txt")
    tail, _ = new_tail(shelf, *patterns)
    async with running(tail):
        await asyncio.sleep(0.1)
    for name in ("x.log", "y.txt"):
        write(tmp_path / name, f"{name} one\n")
        (tmp_path / name).rename(tmp_path / f"{name}.1")
        write(tmp_path / name, f"{name} two\n")
    tail, _ = new_tail(shelf, *patterns)
    async with running(tail):
        assert sorted(await shelf.until(4)) == [b"x.log one", b"x.log two", b"y.txt one", b"y.txt two"]


async def test_gzip_files_members_and_damage(running: Any, tmp_path: Path) -> None:
    """Several members are one file; a cut one gives what it has and is read on when it grows; a damaged one is said once."""
    shelf = Shelf()
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\nlast"))
    whole = gzip.compress(os.urandom(2000).hex().encode() + b"\nend\n")
    (tmp_path / "b.log.1.gz").write_bytes(whole[:1500])
    (tmp_path / "c.log.1.gz").write_bytes(b"\x1f\x8b\x08junk" * 20)
    tail, signals = new_tail(shelf, tmp_path / "*.gz")
    async with running(tail):
        assert await shelf.until(3) == [b"one", b"two", b"last"]
        (tmp_path / "b.log.1.gz").write_bytes(whole)
        assert (await shelf.until(5))[-1] == b"end"
        await asyncio.sleep(0.2)
    assert signals.counts["collector_tail_errors{reason=damaged,source=t}"] == 1


async def test_partial_line_of_a_rotated_file(running: Any, tmp_path: Path) -> None:
    """The unfinished last line of a file rotated away is given out after the timeout, that of a live file is not."""
    shelf, path = Shelf(), tmp_path / "x.log"
    tail, _ = new_tail(shelf, path)
    async with running(tail):
        write(path, "a\nunfinished")
        await shelf.until(1)
        await asyncio.sleep(0.4)
        assert shelf.lines == [b"a"]
        path.rename(tmp_path / "x.log.1")
        write(path, "b\n")
        await shelf.until(3)
    assert sorted(shelf.lines) == [b"a", b"b", b"unfinished"]


async def test_start_at_the_end(running: Any, tmp_path: Path) -> None:
    """``start: end`` passes over what is there at the first run only: never what is written while we are away."""
    shelf, path = Shelf(), tmp_path / "x.log"
    write(path, "old\nolder\nbegun")
    (tmp_path / "y.log.1.gz").write_bytes(gzip.compress(b"ancient\n"))
    patterns = (tmp_path / "*.log", tmp_path / "*.gz")
    tail, _ = new_tail(shelf, *patterns, start="end")
    async with running(tail):
        await asyncio.sleep(0.1)
        write(path, " finished\nnew\n")
        await shelf.until(2)
        write(tmp_path / "later.log", "whole\n")
        await shelf.until(3)
    write(path, "while away\n")
    write(tmp_path / "born.log", "away\n")
    again, _ = new_tail(shelf, *patterns, start="end")
    async with running(again):
        await shelf.until(5)
    assert sorted(shelf.lines) == [b"away", b"begun finished", b"new", b"while away", b"whole"]


async def test_long_lines(running: Any, tmp_path: Path) -> None:
    """Beyond the limit a line is cut and tagged, memory stays bounded, and the offset of the next line is right."""
    shelf, path = Shelf(), tmp_path / "x.log"
    tail, _ = new_tail(shelf, path, limit=1000)
    async with running(tail):
        for _ in range(8):
            write(path, "x" * 100_000)
            await asyncio.sleep(0.03)
        write(path, "\nnext\n")
        await shelf.until(2)
    assert (len(shelf.lines[0]), shelf.records[0].tags) == (1000, ("truncated",))
    assert shelf.lines[1] == b"next" and shelf.records[1].cursor.endswith(":800001")


async def test_inode_reuse_and_recreation(running: Any, tmp_path: Path) -> None:
    """A deleted file's inode given to a new one: the new one is read from its beginning, also when it is longer."""
    shelf, path = Shelf(), tmp_path / "x.log"
    total = 0
    for turn in range(4):
        tail, _ = new_tail(shelf, path)
        async with running(tail):
            await shelf.until(total)
        path.unlink(missing_ok=True)
        count = 5 * (turn + 1)
        write(path, "".join(f"{turn} {n}\n" for n in range(count)))
        total += count
    tail, _ = new_tail(shelf, path)
    async with running(tail):
        await shelf.until(total)
    assert shelf.lines == [b"%d %d" % (t, n) for t in range(4) for n in range(5 * (t + 1))]


async def test_the_same_beginning_in_two_files(running: Any, tmp_path: Path) -> None:
    """Files that begin with the same kilobyte (a W3C header) are told apart."""
    shelf, header = Shelf(), "#Fields: " + "x" * 1500 + "\n"
    for site in ("one", "two", "three"):
        write(tmp_path / f"{site}.log", header + f"{site}\n")
    tail, _ = new_tail(shelf, tmp_path / "*.log")
    async with running(tail):
        await shelf.until(6)
        write(tmp_path / "two.log", "more\n")
        await shelf.until(7)
    assert sorted(r.data for r in shelf.records if not r.data.startswith(b"#")) == [b"more", b"one", b"three", b"two"]


async def test_truncated_and_written_beyond_our_position(running: Any, tmp_path: Path) -> None:
    """Emptied and at once filled beyond where we were, with the same first kilobyte: seen by the bytes before our position."""
    shelf, path = Shelf(), tmp_path / "x.log"
    header = "#" + "h" * 2000 + "\n"
    tail, _ = new_tail(shelf, path, rescan=0.5)
    async with running(tail):
        write(path, header + "old one\n")
        await shelf.until(2)
        path.write_text(header + "".join(f"new line number {n}\n" for n in range(50)))
        await shelf.until(53)
    assert shelf.lines[2:] == [header.strip().encode()] + [b"new line number %d" % n for n in range(50)]


async def test_missing_folder_and_unreadable_file(running: Any, tmp_path: Path) -> None:
    """A missing folder is said once and followed when it appears; a file that cannot be read is counted and tried again."""
    shelf, folder = Shelf(), tmp_path / "later" / "deep"
    tail, signals = new_tail(shelf, folder / "*.log")
    async with running(tail):
        await asyncio.sleep(0.2)
        assert signals.counts["collector_tail_errors{reason=missing,source=t}"] == 1
        folder.mkdir(parents=True)
        (folder / "loop.log").symlink_to(folder / "loop.log")
        write(folder / "x.log", "found\n")
        assert await shelf.until(1) == [b"found"]
        await asyncio.sleep(0.2)
    assert signals.counts["collector_tail_errors{reason=error,source=t}"] == 1


async def test_many_files_few_descriptors(running: Any, tmp_path: Path) -> None:
    """500 files grow at once with at most 16 open; every line comes once, each file in order."""
    shelf = Shelf()
    tail, _ = new_tail(shelf, tmp_path / "**" / "*.log", most_open=16, rescan=0.2)
    async with running(tail):
        for turn in range(3):
            for n in range(500):
                folder = tmp_path / f"d{n % 7}"
                folder.mkdir(exist_ok=True)
                write(folder / f"{n}.log", f"{n} {turn}\n")
            opened = len(list(Path("/proc/self/fd").iterdir()))
            await shelf.until(500 * (turn + 1), 20)
            assert len(list(Path("/proc/self/fd").iterdir())) <= opened + 20
    assert sorted(shelf.lines) == sorted(b"%d %d" % (n, t) for n in range(500) for t in range(3))


async def test_a_crash_between_reading_and_commit(tmp_path: Path) -> None:
    """Read but never committed, then killed: the next run reads the same lines with new positions, once."""
    shelf, path = Shelf(), tmp_path / "x.log"
    write(path, "".join(f"{n}\n" for n in range(100)))
    for turn in range(5):
        shelf.gate.clear()
        task = asyncio.create_task(new_tail(shelf, path)[0].run(asyncio.Event()))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(shelf.lines) == 20 * turn + (100 if turn else 0)
        shelf.gate.set()
        write(path, "".join(f"{turn} {n}\n" for n in range(20)))
        stop = asyncio.Event()
        task = asyncio.create_task(new_tail(shelf, path)[0].run(stop))
        await shelf.until(100 + 20 * (turn + 1))
        stop.set()
        await task
    assert len(set(shelf.lines)) == len(shelf.lines) == 200
    assert len({r.cursor for r in shelf.records}) == 200


class Rotation(RuleBasedStateMachine):
    """Random writing, rotating, compressing, restarting and killing on a real folder, with lines that are all different."""

    @initialize(pattern=st.sampled_from(["x.log", "x.log*"]))
    def begin(self, pattern: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "x.log"
        self.settings = Settings("t", (str(self.folder / pattern),), False, 10_000, 0.0, 0.0, 300.0, 100, 2)
        self.count = 0
        self.written: dict[int, list[bytes]] = {0: []}
        self.generation = 0
        self.stored: list[RawRecord] = []
        self.tables: dict[str, bytes] = {}
        self.partial = b""
        self.follower = self.start()

    def start(self) -> Follower:
        tables = [(name, self.tables.get(name)) for name in reversed(names("t"))]
        since = [at for pair in tables if (at := first_look(*pair)) is not None]
        known = merge(decode(*pair) for pair in tables)
        return Follower(self.settings, known, first_run=not self.tables, since=min(since, default=None))

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    @rule(lines=st.integers(1, 30), size=st.sampled_from([1, 40, 300]), half=st.booleans())
    def write(self, lines: int, size: int, half: bool) -> None:
        texts = []
        for _ in range(lines):
            self.count += 1
            texts.append(b"%06d " % self.count + b"x" * size)
        self.written[self.generation] += texts
        content = b"".join(t + b"\n" for t in texts)
        if half:
            self.append(content[:-4])
            self.read()
            self.append(content[-4:])
        else:
            self.append(content)

    def shift(self) -> None:
        for number in range(8, 0, -1):
            for ending in ("", ".gz"):
                old = self.folder / f"x.log.{number}{ending}"
                if old.exists():
                    old.rename(self.folder / f"x.log.{number + 1}{ending}")

    @precondition(lambda self: self.path.exists())
    @rule(look=st.booleans(), create=st.booleans())
    def rename(self, look: bool, create: bool) -> None:
        self.shift()
        self.path.rename(self.folder / "x.log.1")
        self.next()
        if look:
            self.read()
        if create:
            self.append(b"")

    @precondition(lambda self: self.path.exists() and self.path.stat().st_size)
    @rule(look=st.booleans())
    def copy_and_truncate(self, look: bool) -> None:
        self.shift()
        shutil.copyfile(self.path, self.folder / "x.log.1")
        if look:
            self.read()
        os.truncate(self.path, 0)
        self.next()

    def next(self) -> None:
        self.generation += 1
        self.written[self.generation] = []

    @rule(number=st.integers(1, 4), look=st.booleans())
    def compress(self, number: int, look: bool) -> None:
        plain = self.folder / f"x.log.{number}"
        if plain.exists():
            packed = gzip.compress(plain.read_bytes())
            target = self.folder / f"x.log.{number}.gz"
            target.write_bytes(packed[: len(packed) // 2])
            if look:
                self.read()
            target.write_bytes(packed)
            if look:
                self.read()
            plain.unlink()

    @rule()
    def delete_what_was_read(self) -> None:
        """The oldest goes, its inode is free; only after everything was read."""
        self.read_all()
        for old in sorted(self.folder.glob("x.log.*"))[-1:]:
            old.unlink()

    @rule()
    def read(self) -> None:
        batch = self.follower.advance(0)
        self.stored += batch.records
        self.tables.update(batch.checkpoints)

    @rule()
    def restart(self) -> None:
        self.follower.close()
        self.follower = self.start()

    @rule()
    def killed_before_the_commit(self) -> None:
        self.follower.advance(0)
        self.restart()

    def read_all(self) -> None:
        quiet = 0
        while quiet < 3:
            before = len(self.stored)
            self.read()
            quiet = 0 if len(self.stored) > before or self.follower.more else quiet + 1

    @invariant()
    def nothing_twice(self) -> None:
        stored = [r.data for r in self.stored] if hasattr(self, "stored") else []
        assert len(stored) == len(set(stored)), f"twice: {[d for d in set(stored) if stored.count(d) > 1][:3]}"

    def teardown(self) -> None:
        if not hasattr(self, "follower"):
            return
        self.read_all()
        self.follower.close()
        shutil.rmtree(self.folder)
        order = [r.data for r in self.stored]
        for lines in self.written.values():
            mine = set(lines)
            assert [d for d in order if d in mine] == lines
        assert len(order) == self.count
        cursors = {r.cursor for r in self.stored}
        assert len(cursors) == self.count


RotationTest = Rotation.TestCase
RotationTest.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_reading_is_fast(tmp_path: Path) -> None:
    """Far more than a line each 50 µs (loose; the measured figure is in docs)."""
    path = tmp_path / "x.log"
    path.write_bytes(b"<134>Nov 21 16:30:00 web01 nginx: GET /dich-vu-cong HTTP/1.1 200 1234 Mozilla/5.0 xxxxxxxxxxx\n" * 100_000)
    follower = Follower(Settings("t", (str(path),), False, 10_000, 1.0, 5.0, 300.0, 100, 10), [], first_run=True)
    started, count = time.perf_counter(), 0
    while count < 100_000:
        count += len(follower.advance(0).records)
    assert (time.perf_counter() - started) / count < 50e-6
    follower.close()
