"""Bytes of a connection → frames. Pure; keeps at most one unfinished frame.

Rules. At the start of a frame:

    1-9 digits{0,9} SP "<" or "{"   octet-counting (RFC 6587 §3.4.1): that many bytes follow the space
    (the same, any byte after SP)   also octet-counting when the frame before was octet-counted
    LF, CR, NUL                     skipped: debris of trailers
    anything else                   non-transparent framing (RFC 6587 §3.4.2): up to the trailer

The trailer is LF. NUL is one too when it is the first trailer of the connection and ends a frame that begins with ``<``;
otherwise a NUL is content. CR and NUL before the trailer are dropped. Asking for ``<`` keeps the line ``404 not found`` a line.
A frame beyond the limit (one CR not counted) is cut there and tagged ``truncated``; its rest is thrown away and counted.
"""

import re
from typing import Final

import msgspec

KIB: Final = 1024
LIMIT: Final = 64 * KIB
_DIGITS: Final = 10
_TRAILERS: Final = b"\r\n\0"
_DEBRIS: Final = re.compile(rb"[\r\n\0]*")
_CR: Final = 13
_LESS: Final = 60
_TRUNCATED: Final = ("truncated",)
_PARTIAL: Final = ("partial",)


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message without its framing. ``tags``: ``truncated`` (cut at the limit), ``partial`` (the connection ended inside)."""

    data: bytes
    tags: tuple[str, ...] = ()


class Framer:
    """Cuts one connection. ``limit`` is the longest frame in bytes; ``octets=False`` knows lines only (files, HTTP text).

    ``discarded`` counts bytes thrown away beyond the limit. Never raises, whatever it is fed.
    """

    def __init__(self, limit: int = LIMIT, *, octets: bool = True) -> None:
        self.limit = limit
        self.discarded = 0
        self._octets = octets
        self._held = bytearray()
        self._inside = ""  # "" at a frame's start, else "line" or "octets"
        self._first = 0  # first byte of the line begun
        self._left = 0  # octet-counting: bytes of the frame still to come
        self._cut = False  # the rest of this frame is thrown away
        self._counted = False  # the frame before was octet-counted
        self._nul: bool | None = None if octets else False  # None: no trailer seen yet

    @property
    def held(self) -> int:
        """Bytes kept of an unfinished frame."""
        return len(self._held)

    def feed(self, chunk: bytes) -> list[Frame]:
        """Frames that ``chunk`` completes, in order. How the bytes are cut into chunks changes nothing."""
        frames: list[Frame] = []
        if not self._inside and self._held:  # a header cut by the chunk's end: at most 12 bytes
            chunk = bytes(self._held) + chunk
            self._held.clear()
        at, end = 0, len(chunk)
        while at < end:
            if self._inside == "octets":
                at = self._take_octets(chunk, at, frames)
            elif self._inside == "line":
                at = self._take_rest(chunk, at, frames)
            else:
                at = self._take_lines(chunk, at, frames)
        return frames

    def finish(self) -> list[Frame]:
        """The connection ended: the unfinished frame, if any. A line without trailer is whole; a counted frame is ``partial``."""
        data = bytes(self._held).rstrip(_TRAILERS)
        short = self._inside == "octets"
        lost = self._cut or not data
        self._held.clear()
        self._inside, self._left, self._cut, self._counted = "", 0, False, False
        return [] if lost else [Frame(data, _PARTIAL if short else ())]

    def _take_lines(self, chunk: bytes, at: int, frames: list[Frame]) -> int:
        """From a frame's start: whole lines, until a counted frame or an unfinished line begins. Where that is."""
        end, limit, octets, find = len(chunk), self.limit, self._octets, chunk.find
        whole = self._nul is False
        while at < end:
            first = chunk[at]
            if first < 58:
                if first in _TRAILERS:
                    at = _DEBRIS.match(chunk, at).end()  # type: ignore[union-attr]  # matches the empty string too
                    continue
                if first > 48 and octets:
                    header = self._header(chunk, at)
                    if header:
                        return header
            cut = find(b"\n", at) if whole else -1
            if cut < 0 or cut - at > limit:
                self._inside, self._first = "line", first
                return self._take_rest(chunk, at, frames)
            self._counted = False
            frames.append(Frame(chunk[at:cut].rstrip(_TRAILERS)))
            at = cut + 1
        return at

    def _header(self, chunk: bytes, at: int) -> int:
        """Where the counted frame's bytes begin; the chunk's end when it may still be a header; 0 when it is none."""
        head = chunk[at : at + _DIGITS + 2]
        digits, space, after = head.partition(b" ")
        if not digits.isdigit() or len(digits) > _DIGITS:
            return 0
        if not self._counted or not space:
            if not after:  # the chunk ends here: cannot be told yet
                self._held += head
                return len(chunk)
            if after[0] not in b"<{":
                return 0
        self._inside, self._left = "octets", int(digits)
        return at + len(digits) + 1

    def _take_octets(self, chunk: bytes, at: int, frames: list[Frame]) -> int:
        part = chunk[at : at + self._left]
        self._left -= len(part)
        self._keep(part, frames)
        if not self._left:
            self._end(frames)
            self._counted = True
        return at + len(part)

    def _take_rest(self, chunk: bytes, at: int, frames: list[Frame]) -> int:
        """Up to the trailer of the line begun, or to the chunk's end."""
        cut = chunk.find(b"\n", at)
        if self._nul is not False:
            nul = chunk.find(b"\0", at, cut if cut >= 0 else len(chunk))
            if self._nul is None and (nul >= 0 or cut >= 0):
                self._nul = nul >= 0 and self._first == _LESS
            if nul >= 0 and self._nul:
                cut = nul
        self._keep(chunk[at:] if cut < 0 else chunk[at:cut], frames)
        if cut < 0:
            return len(chunk)
        self._end(frames)
        self._counted = False
        return cut + 1

    def _keep(self, part: bytes, frames: list[Frame]) -> None:
        if self._cut:
            self.discarded += len(part)
            return
        held, limit = self._held, self.limit
        held += part
        if len(held) <= limit or (len(held) == limit + 1 and held[limit] == _CR and self._inside == "line"):
            return
        frames.append(Frame(bytes(held[:limit]), _TRUNCATED))
        self.discarded += len(held) - limit
        held.clear()
        self._cut = True

    def _end(self, frames: list[Frame]) -> None:
        data = bytes(self._held).rstrip(_TRAILERS)
        if data:
            frames.append(Frame(data))
        self._held.clear()
        self._inside, self._cut = "", False
