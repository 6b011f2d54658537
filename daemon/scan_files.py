"""Records of a file, whatever it is: lines, JSON documents over many lines, EVTX, gzip of these, standard input."""

import codecs
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from daemon.json_documents import BadJsonError, documents
from model import VonggacError

MAX_LINE = 2**20
"""Longer lines are cut here."""
MAX_PIPED = 256 * 2**20
"""Largest EVTX that is read from a pipe or a gzip: it is held whole, because its parts refer to each other."""
_EVTX, _GZIP, _BOM = b"ElfFile\x00", b"\x1f\x8b", b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_EVTX_HEADER, _EVTX_CHUNK = 4096, 65536


class UnreadableError(VonggacError):
    """A file cannot be read or is not what it says."""


def records(path: str) -> Iterator[bytes]:
    """The records of ``path`` (``-``: standard input), in order. UnreadableError with the file's name.

    An empty record stands for a blank line, so that counting records counts lines.
    """
    name = "standard input" if path == "-" else path
    try:
        if path == "-":
            yield from _of_stream(sys.stdin.buffer, name)
            return
        with Path(path).open("rb") as stream:
            if stream.seekable():  # what is piped is not: named pipes, a shell's <(…)
                if stream.read(len(_EVTX)) == _EVTX:
                    yield from _evtx(stream, name)
                    return
                stream.seek(0)
            yield from _of_stream(stream, name)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except BadJsonError as error:
        raise UnreadableError(f"{name}:{error.line}: {error}") from None


def _of_stream(stream: BinaryIO, name: str) -> Iterator[bytes]:
    buffered: Any = io.BufferedReader(stream, 2**18)
    if buffered.peek(2).startswith(_GZIP):
        buffered = io.BufferedReader(gzip.GzipFile(fileobj=buffered), 2**18)
    if buffered.peek(2).startswith(_UTF16):
        buffered = io.BufferedReader(_Recoded(buffered), 2**18)
    start = buffered.peek(4096)
    if start.startswith(_EVTX):
        content = buffered.read(MAX_PIPED + 1)
        if len(content) > MAX_PIPED:
            raise UnreadableError(f"{name}: an EVTX of more than {MAX_PIPED >> 20} MiB is only read as a plain file")
        yield from _evtx(io.BytesIO(content), name)
    elif start.removeprefix(_BOM).lstrip()[:1] in (b"{", b"["):
        yield from _json(buffered)
    else:
        yield from _lines(buffered)


class _Recoded(io.RawIOBase):
    """UTF-16, as Windows' own tools write it, read as UTF-8: its line ends are then where they are looked for."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._ready = stream, b""
        self._decode = codecs.getincrementaldecoder("utf-16")("replace").decode

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b"."
        while data and not self._ready:
            data = self._stream.read(2**16)
            self._ready = self._decode(data, not data).encode("utf-8", "replace")
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their end; a longer line than MAX_LINE is cut, its rest passed over."""
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE)
        yield line[:MAX_LINE].rstrip(b"\r\n")


def _json(stream: BinaryIO) -> Iterator[bytes]:
    """JSON lines; or, when the first line is the beginning of a document, documents over many lines or an array of them."""
    blank = 0
    first = stream.readline(MAX_LINE + 1).removeprefix(_BOM)
    while first and not first.strip():
        blank += 1
        first = stream.readline(MAX_LINE + 1)
    if _goes_on(first):
        yield from documents(first, stream, blank + 1)
        return
    yield from [b""] * blank
    yield first.rstrip(b"\r\n")
    yield from _lines(stream)


def _goes_on(line: bytes) -> bool:
    """Whether a first line begins an array of documents, or an object that goes on in the next line.

    Lines of logs begin with a bracket too: Apache's error log, the kernel's.
    """
    text = line.decode("utf-8", "backslashreplace").strip()
    if text.startswith("["):
        return text[1:].lstrip()[:1] in ("", "{", "[", "]", '"')
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return len(line) > MAX_LINE or error.pos >= len(text)
    except (RecursionError, ValueError):
        return False
    return False


def _evtx(content: BinaryIO, name: str) -> Iterator[bytes]:
    """The records of an EVTX as JSON; empty ones for those that are damaged, told at the end."""
    from evtx import PyEvtxParser

    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    damaged, first = 0, ""
    try:
        found = iter(PyEvtxParser(content).records_json())
    except (RuntimeError, OSError) as error:
        raise UnreadableError(f"{name}: not a readable EVTX file: {error}") from None
    while True:
        try:
            record = next(found, None)
        except (RuntimeError, OSError) as error:
            damaged, first = damaged + 1, first or str(error)
            yield b""
            continue
        if record is None:
            break
        yield str(record["data"]).encode("utf-8", "backslashreplace")
    if damaged:
        raise UnreadableError(f"{name}: {damaged} damaged records or chunks were passed over; the first: {first}")
    if (size - _EVTX_HEADER) % _EVTX_CHUNK:
        raise UnreadableError(f"{name}: the file is cut off; records of its last chunk are missing, export the log again")
