"""A growing file's bytes → lines with their offsets. No I/O; keeps at most one unfinished line, cut at the limit."""

from typing import Final, NamedTuple

ANCHOR: Final = 64
"""Bytes before a position that are remembered, to see at the next read that it is still the same file."""

_TRUNCATED: Final = ("truncated",)


class Line(NamedTuple):
    """``offset`` is that of its first byte in the file. LF and CR LF are dropped."""

    offset: int
    data: bytes
    tags: tuple[str, ...] = ()


class Lines:
    """``start``: first byte not yet given out (what a checkpoint says); ``at``: next byte to feed.

    ``anchor`` and ``recent`` are the last bytes before ``start`` and ``at``. Empty lines are passed over.
    A line beyond ``limit`` bytes is cut there and tagged; offsets stay right.
    """

    __slots__ = ("_held", "_limit", "anchor", "at", "recent", "start")

    def __init__(self, limit: int, start: int = 0, anchor: bytes = b"") -> None:
        self.start = self.at = start
        self.anchor = self.recent = anchor
        self._limit = limit
        self._held = b""

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines ``chunk`` completes. It must begin at ``at``."""
        known = self.recent + chunk
        self.recent = known[-ANCHOR:]
        parts = chunk.split(b"\n")
        rest = parts.pop()
        lines: list[Line] = []
        if parts:
            self._first(parts[0], lines)
            position, limit = self.start, self._limit
            for part in parts[1:]:
                if len(part) > limit + 1:
                    lines.append(Line(position, part[:limit], _TRUNCATED))
                elif part:
                    self._add(lines, position, part)
                position += len(part) + 1
            self.start = position
            end = len(known) - len(rest)
            self.anchor = known[max(0, end - ANCHOR) : end]
            self._held = rest[: limit + 2]
        elif len(self._held) < self._limit + 2:
            self._held += rest[: self._limit + 2 - len(self._held)]
        self.at += len(chunk)
        return lines

    def flush(self) -> Line | None:
        """Give out the unfinished line: nothing more will be written to it."""
        if self.start == self.at:
            return None
        lines: list[Line] = []
        self._add(lines, self.start, self._held)
        self.start, self.anchor, self._held = self.at, self.recent, b""
        return lines[0] if lines else None

    def rewind(self) -> None:
        """Forget the unfinished line: it will be fed again."""
        self.at, self.recent, self._held = self.start, self.anchor, b""

    def _first(self, part: bytes, lines: list[Line]) -> None:
        """The line that may have begun in an earlier chunk."""
        self._add(lines, self.start, self._held + part[: self._limit + 2])
        self.start = self.at + len(part) + 1

    def _add(self, lines: list[Line], offset: int, line: bytes) -> None:
        if line.endswith(b"\r") and len(line) <= self._limit + 1:
            line = line[:-1]
        if len(line) > self._limit:
            lines.append(Line(offset, line[: self._limit], _TRUNCATED))
        elif line:
            lines.append(Line(offset, line))
