"""Whether a file on disk is one we know, by its content. Blocking reads of a few bytes, remembered while files do not change."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from collector.sources.tail_file import File
from collector.sources.tail_known import HEAD
from collector.sources.tail_match import Seen, Verdict
from collector.sources.tail_names import compressed, rotated_from, understand
from collector.sources.tail_reader import Reader, open_file

_EVIDENCE: Final = 256  # bytes that must agree before a file of the same name and another inode is the same
_UNFINISHED: Final = 600.0  # seconds a compressed file may be incomplete before it is read as it is
_COMPARE: Final = 64 << 10


class Recognition:
    """Compares content for ``tail_match.assign``. ``problem`` is told what cannot be read."""

    def __init__(self, problem: Callable[[str, Exception], None]) -> None:
        self._problem = problem
        self._heads: dict[tuple[int, int, int, int], bytes] = {}
        self._verdicts: dict[tuple[object, ...], Verdict] = {}
        self._unclear: dict[tuple[str, int], float] = {}

    def keep(self, seen: Iterable[Seen]) -> None:
        """Forget about all other files."""
        live = {s.signature for s in seen}
        self._heads = {k: v for k, v in self._heads.items() if k in live}
        if len(self._verdicts) > 10_000 or len(self._unclear) > 10_000:
            self._verdicts.clear()
            self._unclear.clear()

    def head(self, place: Seen) -> bytes:
        """The first bytes of a file, remembered while it does not change. OSError, ValueError."""
        head = self._heads.get(place.signature)
        if head is None:
            reader = open_file(place.path)
            try:
                head = reader.read(0, HEAD)
            finally:
                reader.close()
            self._heads[place.signature] = head
        return head

    def same(self, file: File, place: Seen) -> Verdict:
        try:
            head = self.head(place)
            if (file.device, file.inode) == (place.device, place.inode):
                if not file.length and file.reader is None:  # an inode alone proves nothing: it may have been reused
                    live = file.path == place.path and not understand(place.path).marks
                    return Verdict.SAME if live else Verdict.OTHER
                enough = compressed(place.path) or file.done or place.size >= file.lines.at
                return Verdict.SAME if enough and file.accepts(head) else Verdict.OTHER
            key = (file.id, file.lines.start, place.signature)
            verdict = self._verdicts.get(key)
            return verdict if verdict is not None else self._look(key, file, place, head)
        except OSError as error:
            self._problem(place.path, error)
            return Verdict.WAIT
        except ValueError as error:
            self._problem(place.path, error)
            return Verdict.OTHER

    def _look(self, key: tuple[object, ...], file: File, place: Seen, head: bytes) -> Verdict:
        """Compare, and remember the answer; an unclear one is asked again, more seldom the longer it takes to find out."""
        pair, started = (file.id, place.inode), time.monotonic()
        if started < self._unclear.get(pair, 0.0):
            return Verdict.WAIT
        verdict = self._compare(file, place, head)
        if verdict is Verdict.WAIT:
            now = time.monotonic()
            self._unclear[pair] = now + 5 * (now - started)
        else:
            self._verdicts[key] = verdict
        return verdict

    def _compare(self, file: File, place: Seen, head: bytes) -> Verdict:
        """The same content under another inode: a copy, a compressed one, or a file put back."""
        rotated = rotated_from(place.path, file.path) or rotated_from(place.path, file.first_path)
        packed = compressed(place.path)
        growing = packed and time.time() - place.changed / 1e9 < _UNFINISHED
        if not file.accepts(head):
            begun = len(head) < file.length and (file.head.startswith(head) or not file.head)
            if begun and growing:
                return Verdict.WAIT
            return Verdict.SHORT if rotated and head and begun and file.head else Verdict.OTHER
        if not rotated and file.length < _EVIDENCE:
            return Verdict.OTHER
        reader = open_file(place.path)
        try:
            anchored = file.anchored(reader)
            if anchored is None:
                if growing and not reader.ended():
                    return Verdict.WAIT
                return Verdict.SHORT if rotated else Verdict.OTHER
            return Verdict.SAME if anchored else Verdict.OTHER
        finally:
            reader.close()

    def is_copy(self, file: File, place: Seen) -> bool:
        """Whether ``place`` is rotation's copy of ``file``, which is still there: not to be read as new."""
        try:
            head = self.head(place)
            if not head:
                return compressed(place.path)  # being written
            original = file.reader if file.gone and file.reader else open_file(file.path)
            copied = open_file(place.path)
            try:
                if not compressed(file.path):
                    size = original.status().st_size
                    now = original.read(0, HEAD)
                    if size < file.lines.at or not file.accepts(now):
                        return True  # truncated this moment: the next scan knows whose copy it is
                    if not now.startswith(head) or (not compressed(place.path) and place.size > size):
                        return False
                return _alike(original, copied, place)
            finally:
                copied.close()
                if original is not file.reader:
                    original.close()
        except FileNotFoundError:
            return True  # moved this moment: look again
        except (OSError, ValueError) as error:
            self._problem(place.path, error)
            return False


def _alike(original: Reader, copied: Reader, place: Seen) -> bool:
    """The same beginning and, where the size is known, the same end."""
    begin = copied.read(0, _COMPARE)
    if original.read(0, len(begin)) != begin:
        return False
    if compressed(place.path):
        return True
    last = max(0, place.size - 4096)
    return original.read(last, place.size - last) == copied.read(last, place.size - last)
