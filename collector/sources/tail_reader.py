"""Reads files at offsets: plain ones, and gzip ones at offsets of the uncompressed stream."""

import os
import stat
import zlib
from typing import Final, Protocol

from collector.sources.tail_names import compressed

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_INPUT: Final = 64 << 10
_KEEP: Final = 4096
_STEP: Final = 1 << 20


class Reader(Protocol):
    """One open file."""

    def read(self, at: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``at``; fewer at the end. OSError; ValueError when it is no valid gzip."""
        ...

    def status(self) -> os.stat_result: ...

    def ended(self) -> bool:
        """Whether nothing can follow what was read (a compressed stream's end)."""
        ...

    def close(self) -> None: ...


class Plain:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, at: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, at)

    def status(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def ended(self) -> bool:
        return False

    def close(self) -> None:
        os.close(self._descriptor)


class Gzip:
    """One pass forward; going back more than a little begins again. Several members in a row are one stream (RFC 1952 §2.2)."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._restart()

    def _restart(self) -> None:
        self._inflate = zlib.decompressobj(31)
        self._input = b""
        self._place = 0  # in the compressed file
        self._at = 0  # in the stream
        self._tail = b""  # bytes before ``_at``
        self._between = False  # a member has ended, the next may follow

    def read(self, at: int, size: int) -> bytes:
        if at < self._at - len(self._tail):
            self._restart()
        while self._at < at:
            if not self._more(min(_STEP, at - self._at)):
                return b""
        back = self._at - at
        found = [self._tail[-back:]] if back else []
        size -= back
        while size > 0 and (part := self._more(size)):
            found.append(part)
            size -= len(part)
        return b"".join(found) if size >= 0 else b"".join(found)[:size]

    def _more(self, size: int) -> bytes:
        """The next bytes of the stream, at least one unless there is none (yet)."""
        while True:
            if not self._input:
                self._input = os.pread(self._descriptor, _INPUT, self._place)
                self._place += len(self._input)
            if self._between:
                self._input = self._input.lstrip(b"\0")
                if not self._input:
                    if self._place >= self.status().st_size:
                        return b""
                    continue
                self._inflate, self._between = zlib.decompressobj(31), False
            try:
                part = self._inflate.decompress(self._input, size)
            except zlib.error as error:
                raise ValueError(f"not a valid gzip file ({error})") from error
            empty = not self._input
            self._input = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._input, self._between = self._inflate.unused_data, True
            if part:
                self._at += len(part)
                self._tail = (self._tail + part)[-_KEEP:]
                return part
            if empty and not self._between:
                return b""

    def status(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def ended(self) -> bool:
        return self._between and not self._input.strip(b"\0") and self._place >= self.status().st_size

    def close(self) -> None:
        os.close(self._descriptor)


def open_file(path: str) -> Reader:
    """Open a regular file. OSError when it cannot be read or is none."""
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file", path)
        return Gzip(descriptor) if compressed(path) else Plain(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
