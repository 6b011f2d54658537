"""All files of one tail source: found, recognised, read in turn. Blocking; runs in the source's own thread."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Final

import msgspec

from collector.sources import tail_known
from collector.sources.source import Batch
from collector.sources.tail_file import File, ReplacedError
from collector.sources.tail_known import Known
from collector.sources.tail_lines import Line
from collector.sources.tail_match import Seen, Verdict, assign
from collector.sources.tail_names import understand
from collector.sources.tail_recognise import Recognition
from collector.sources.tail_scan import Scan
from model import Micros, RawRecord
from model.moment import HOUR

CHUNK: Final = 256 << 10
_BATCH_RECORDS: Final = 5_000
_BATCH_BYTES: Final = 4 << 20
_COOL: Final = 600.0  # seconds without change after which a file leaves the hot table
_BACK: Final = 64 << 10


class Settings(msgspec.Struct, frozen=True):
    """See ``collector.sources.tail.Tail``."""

    name: str
    patterns: tuple[str, ...]
    from_end: bool
    limit: int
    rescan: float
    partial_timeout: float
    linger: float
    most_files: int
    most_open: int


class Note(msgspec.Struct, frozen=True):
    """Something to say in the log and to count. ``kind``: found, rotated, truncated, copy, problem, solved."""

    kind: str
    path: str
    detail: str = ""


class Follower:
    """``advance`` looks, reads and says what to store. ``more``: there is more to read at once. The caller empties ``notes``."""

    def __init__(self, settings: Settings, known: Sequence[Known], *, first_run: bool, since: Micros | None = None) -> None:
        """``since``: when the first run began, as kept in the checkpoint ``…:rest``."""
        self._since = since
        self.more = False
        self.behind = 0
        self.notes: list[Note] = []
        self._settings = settings
        self._files = {k.id: File.restore(k, settings.limit) for k in known}
        self._skip_old = first_run and settings.from_end
        self._problems: dict[str, str] = {}
        self._reading: dict[str, str] = {}
        self._recognition = Recognition(self._problem)
        self._scan_at = 0.0
        self._turn = 0
        self._hot_changed = False
        self._rest_changed = bool(known)
        self._found: dict[str, str] = {}

    @property
    def files(self) -> int:
        return sum(1 for f in self._files.values() if not f.gone)

    def advance(self, now: Micros) -> Batch:
        """One step: scan when due, then read files, a chunk of each in turn, up to a batch. Empty when nothing changed."""
        clock = time.monotonic()
        if self._since is None:
            self._since, self._rest_changed = now, True
        if clock >= self._scan_at:
            self._scan(now, clock)
            self._scan_at = time.monotonic() + self._settings.rescan
        records: list[RawRecord] = []
        room, amount = _BATCH_BYTES, 1
        while amount and room > 0 and len(records) < _BATCH_RECORDS:
            amount = self._round(records, room, now, clock)
            room -= amount
            if not self.more:
                break
        return Batch(records, self._tables())

    def _round(self, records: list[RawRecord], room: int, now: Micros, clock: float) -> int:
        """A chunk of every file that has something, up to ``room`` bytes; return how many. ``more``: there is still some."""
        size = 0
        for file in self._turns(clock):
            if len(records) >= _BATCH_RECORDS or size >= room:
                self.more = True
                break
            lines, amount = self._read(file, clock)
            if amount:
                file.moved_at, file.hot, self._hot_changed = clock, True, True
                self.more = self.more or amount >= CHUNK
                size += amount
            self._turn += 1
            self._add(records, file, lines, now)
        return size

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _add(self, records: list[RawRecord], file: File, lines: list[Line], now: Micros) -> None:
        name, id = self._settings.name, file.id
        peer = os.fsencode(file.path).decode("utf-8", "backslashreplace")
        for offset, data, tags in lines:
            records.append(RawRecord(name, f"{id}:{offset}", data, now, peer, tags))

    def _turns(self, clock: float) -> Iterator[File]:
        """Files with unread bytes, in turn; older ones of a log before the live one."""
        waiting = [f for f in self._files.values() if self._unread(f)]
        old = [f for f in waiting if f.rotated]
        old.sort(key=lambda f: -understand(f.path).marks)
        stems = {understand(f.path)[:2] for f in old}
        live = [f for f in waiting if not f.rotated and understand(f.path)[:2] not in stems]
        self.more = len(live) + len(old) < len(waiting)
        start = self._turn % len(live) if live else 0
        yield from old
        yield from live[start:]
        yield from live[:start]
        patience = self._settings.partial_timeout
        for file in self._files.values() if patience > 0 else ():
            unfinished = file.rotated and not file.done and file.reader is not None and file.lines.at > file.lines.start
            if unfinished and clock - file.moved_at >= patience:
                yield file

    def _unread(self, file: File) -> bool:
        if file.gone and file.reader is None:
            return False
        try:
            return file.unread
        except OSError as error:
            self._trouble(file, error)
            return False

    def _read(self, file: File, clock: float) -> tuple[list[Line], int]:
        try:
            if file.reader is None:
                self._make_room()
            file.used_at = clock
            lines, amount = file.read(CHUNK)
            self._reading.pop(file.path, None)
            if not amount:
                lines = self._at_end(file, clock)
            return lines, amount
        except ReplacedError:
            if not file.gone and file.reader is not None:
                self.notes.append(Note("truncated", file.path, f"had been read up to byte {file.lines.start}"))
                file.release()
                self._hot_changed = file.hot = True
            file.close()
            file.size = file.lines.at
            self._scan_at = 0.0
        except (OSError, ValueError) as error:
            self._trouble(file, error)
        return [], 0

    def _at_end(self, file: File, clock: float) -> list[Line]:
        """Nothing more now. A line nobody will finish is given out; a compressed file read to its end is done."""
        assert file.reader is not None  # noqa: S101
        ended = file.reader.ended()
        waited = clock - file.moved_at >= self._settings.partial_timeout > 0
        line = file.lines.flush() if ended or (file.rotated and waited and not file.compressed) else None
        if line or ended:
            file.hot = self._hot_changed = True
        if file.compressed:
            file.done = ended
            file.stuck = self._stamp(file)
            if ended:
                file.close()
        return [line] if line else []

    def _stamp(self, file: File) -> tuple[int, int] | None:
        try:
            status = file.reader.status() if file.reader else Path(file.path).stat()
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns

    def _make_room(self) -> None:
        """Close what was not read for longest when too many are open; deleted files last, for they cannot be opened again."""
        opened = [f for f in self._files.values() if f.reader is not None]
        for file in sorted(opened, key=lambda f: (f.gone, f.used_at))[: len(opened) - self._settings.most_open + 1]:
            file.close()

    def _scan(self, now: Micros, clock: float) -> None:
        self._found = {}
        scan = Scan(self._settings.patterns, self._settings.most_files)
        seen = scan.look({f.path for f in self._files.values()})
        found, fresh = assign(
            tuple(self._files.values()), seen, self._recognition.same, self._recognition.is_copy, self._since or 0
        )
        places, paths = {(s.device, s.inode) for s in seen}, {s.path for s in seen}
        stays = {file.id for file, _, _ in found}
        for file, place, verdict in found:
            self._place(file, place, verdict, now)
        for file in self._files.values():
            if file.id not in stays:
                self._lose(file, places, clock)
        for place in sorted(fresh, key=lambda s: (-understand(s.path).marks, s.changed)):
            self._welcome(place, now, clock)
        for file in self._files.values():
            name = understand(file.path)
            beside = name.marks > 0 and f"{name.folder}/{name.stem}" in paths
            file.rotated = file.compressed or file.gone or file.path != file.first_path or beside
        self._skip_old = False
        self._recognition.keep(seen)
        self._expire(now, clock)
        self.behind = sum(max(0, f.size - f.lines.at) for f in self._files.values() if not f.gone and not f.compressed)
        self._say(scan.problems | self._found)

    def _place(self, file: File, place: Seen, verdict: Verdict, now: Micros) -> None:
        """``file`` is at ``place`` now."""
        if file.path != place.path:
            self.notes.append(Note("rotated", place.path, f"was {file.path}"))
        moved = (file.device, file.inode) != (place.device, place.inode)
        if moved:
            file.close()
            file.lines.rewind()
            file.device, file.inode = place.device, place.inode
            file.stuck = None
        if moved or file.path != place.path or now - file.seen_at > HOUR:
            file.seen_at = now
            self._mark(file)
        if file.stuck not in (None, (place.size, place.changed)):
            file.stuck = None
        file.path, file.size, file.gone = place.path, place.size, False
        if verdict is Verdict.SHORT:
            file.done = True
        file.learn(self._recognition.head(place))

    def _lose(self, file: File, places: set[tuple[int, int]], clock: float) -> None:
        """No name leads to ``file``. What is still open is read to its end, and for a while beyond."""
        if (file.device, file.inode) in places and not file.gone:
            self.notes.append(Note("truncated", file.path, f"had been read up to byte {file.lines.start}"))
            file.release()
            self._mark(file)
        if not file.gone:
            file.gone, file.moved_at = True, clock
        elif file.reader is not None and not file.draining and clock - file.moved_at > self._settings.linger:
            file.close()

    def _welcome(self, place: Seen, now: Micros, clock: float) -> None:
        """A file never seen before."""
        file = File(token_hex(6), place.path, self._settings.limit)
        file.device, file.inode, file.size, file.seen_at = place.device, place.inode, place.size, now
        file.moved_at, file.hot, self._hot_changed = clock, True, True
        try:
            file.learn(self._recognition.head(place))
            if self._skip_old:
                self._skip(file, place)
            elif not file.length:  # empty: only an open descriptor shows that it stays the same
                self._make_room()
                file.open()
        except (OSError, ValueError) as error:
            self._problem(place.path, error)
            return
        except ReplacedError:
            return  # moved this moment: the next scan sees it
        self._files[file.id] = file
        self.notes.append(Note("found", place.path))

    def _skip(self, file: File, place: Seen) -> None:
        """``start: end``: go to the last line's beginning; of compressed files nothing is wanted."""
        if file.compressed:
            file.done = True
            return
        reader = file.open()
        at = max(0, place.size - _BACK)
        content = reader.read(at, place.size - at)
        cut = content.rfind(b"\n")
        if cut >= 0:
            start = at + cut + 1
            file.lines = type(file.lines)(self._settings.limit, start, reader.read(max(0, start - 64), min(64, start)))

    def _mark(self, file: File) -> None:
        """To be written with the next commit."""
        file.hot = self._hot_changed = True

    def _expire(self, now: Micros, clock: float) -> None:
        """Cool what rests, forget what has been away for a week."""
        for file in self._files.values():
            if file.hot and clock - file.moved_at > _COOL:
                file.hot, self._hot_changed, self._rest_changed = False, True, True
        away = [f for f in self._files.values() if f.gone and f.reader is None]
        away.sort(key=lambda f: f.seen_at)
        beyond = len(self._files) - tail_known.MOST
        for number, file in enumerate(away):
            if number < beyond or not file.length or now - file.seen_at > tail_known.FORGET:
                del self._files[file.id]
                self._hot_changed = self._rest_changed = True

    def _tables(self) -> dict[str, bytes]:
        """The checkpoints that changed: files in use, and the rest, which is written seldom."""
        tables: dict[str, bytes] = {}
        hot, rest = names(self._settings.name)
        if self._hot_changed:
            tables[hot] = tail_known.encode(f.known() for f in self._files.values() if f.hot)
        if self._rest_changed:
            tables[rest] = tail_known.encode((f.known() for f in self._files.values() if not f.hot), self._since)
        self._hot_changed = self._rest_changed = False
        return tables

    def _problem(self, path: str, error: Exception) -> None:
        """Met while scanning."""
        self._found[path] = reason(error)

    def _trouble(self, file: File, error: Exception) -> None:
        """Met while reading: said once, tried again at the next scan (a compressed file: when it changed)."""
        if self._reading.get(file.path) != reason(error):
            self._reading[file.path] = reason(error)
            self.notes.append(Note("problem", file.path, f"{reason(error)}: {error}"))
        if file.compressed:
            file.stuck = self._stamp(file)
        else:
            file.size = file.lines.at
        file.close()

    def _say(self, problems: dict[str, str]) -> None:
        for path, why in problems.items():
            if self._problems.get(path) != why:
                self.notes.append(Note("problem", path, why))
        for path in self._problems.keys() - problems.keys():
            self.notes.append(Note("solved", path))
        self._problems = problems


def names(source: str) -> tuple[str, str]:
    """The two checkpoints of a tail source."""
    return f"tail:{source}", f"tail:{source}:rest"


def reason(error: Exception) -> str:
    """A word for signals: ``permission``, ``missing``, ``damaged`` or ``error``."""
    if isinstance(error, PermissionError):
        return "permission"
    if isinstance(error, FileNotFoundError):
        return "missing"
    return "damaged" if isinstance(error, ValueError) else "error"
