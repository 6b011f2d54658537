"""One followed file: where we are in it, how to see that it is still the same, and reading on."""

import os

from collector.sources.tail_known import HEAD, Known, digest
from collector.sources.tail_lines import Line, Lines
from collector.sources.tail_names import compressed
from collector.sources.tail_reader import Reader, open_file
from model import Micros


class ReplacedError(Exception):
    """The bytes we had read are not there any more: truncated, or another file in its place."""


class File:
    """``size`` is as last seen. ``gone``: no name leads to it, only our open descriptor. ``rotated``: nobody should write to it
    any more. ``done``: a compressed file read to its end, or nothing of it is wanted. ``moved_at``: when it last grew (s)."""

    def __init__(self, id: str, path: str, limit: int) -> None:
        self.id = id
        self.path = self.first_path = path
        self.device = self.inode = 0
        self.head = b""
        self.length = 0
        self.digest = digest(b"")
        self.lines = Lines(limit)
        self.size = 0
        self.gone = self.rotated = self.done = self.hot = False
        self.stuck: tuple[int, int] | None = None
        self.moved_at = 0.0
        self.used_at = 0.0
        self.seen_at: Micros = 0
        self.reader: Reader | None = None
        self._unproved: tuple[int, bytes] | None = None

    @classmethod
    def restore(cls, known: Known, limit: int) -> "File":
        file = cls(known.id, os.fsdecode(known.path), limit)
        file.device, file.inode = known.device, known.inode
        file.length, file.digest, file.done, file.seen_at = known.length, known.digest, known.done, known.seen_at
        file.lines = Lines(limit, known.offset)
        file._unproved = (known.back, known.anchor) if known.back else None
        return file

    def known(self) -> Known:
        back, anchor = self._unproved or (len(self.lines.anchor), digest(self.lines.anchor))
        path = os.fsencode(self.path)
        return Known(
            self.id,
            path,
            self.device,
            self.inode,
            self.lines.start,
            self.length,
            self.digest,
            back,
            anchor,
            self.done,
            self.seen_at,
        )

    @property
    def draining(self) -> bool:
        """Out of sight, but open and not read to its end."""
        return self.gone and self.reader is not None and self.unread

    @property
    def compressed(self) -> bool:
        return compressed(self.path)

    @property
    def unread(self) -> bool:
        """Whether reading may give something (or show that the file was truncated)."""
        if self.done:
            return False
        if self.reader is not None:
            status = self.reader.status()
            if self.compressed:
                return self.stuck != (status.st_size, status.st_mtime_ns)
            self.size = status.st_size
        return self.stuck is None if self.compressed else self.size != self.lines.at

    def accepts(self, head: bytes) -> bool:
        """Whether a file that begins with ``head`` (up to 1,024 bytes) may be this one."""
        return len(head) >= self.length and digest(head[: self.length]) == self.digest

    def learn(self, head: bytes) -> None:
        """The beginning as it is now, longer as a short file grows."""
        self.head = head
        if len(head) > self.length:
            self.length, self.digest = len(head), digest(head)

    def anchored(self, reader: Reader) -> bool | None:
        """Whether the bytes before our position are in this file; None when it is shorter than that."""
        back, wanted = self._unproved or (len(self.lines.anchor), digest(self.lines.anchor))
        content = reader.read(self.lines.start - back, back)
        return None if len(content) < back else digest(content) == wanted

    def open(self) -> Reader:
        """OSError when it cannot be; ReplacedError when the name leads elsewhere by now."""
        if self.reader is None:
            reader = open_file(self.path)
            status = reader.status()
            if (status.st_dev, status.st_ino) != (self.device, self.inode):
                reader.close()
                raise ReplacedError
            self.reader = reader
        return self.reader

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()
            self.reader = None

    def read(self, size: int) -> tuple[list[Line], int]:
        """Up to ``size`` bytes further: the lines they complete, and how many bytes there were.

        Checked afterwards, so that what was read is known to come from the file as we know it. OSError, ValueError,
        ReplacedError: nothing was read.
        """
        reader, lines = self.open(), self.lines
        back, wanted = self._unproved or (len(lines.recent), b"")
        content = reader.read(lines.at - back, back + size)
        before, chunk = content[:back], content[back:]
        if len(before) < back and self.compressed:
            return [], 0
        if (digest(before) != wanted) if self._unproved else (before != lines.recent):
            raise ReplacedError
        if not self.compressed:
            head = reader.read(0, HEAD)
            if not self.accepts(head) or reader.status().st_size < lines.at + len(chunk):
                raise ReplacedError
            self.learn(head)
        if self._unproved:
            lines.anchor = lines.recent = before
            self._unproved = None
        return lines.feed(chunk), len(chunk)

    def release(self) -> None:
        """This name and inode belong to another file now; ours may turn up as a copy."""
        self.close()
        self.device = self.inode = 0
        self.gone = True
        self.lines.rewind()
