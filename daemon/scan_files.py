"""Records of a file, whatever it is: lines, JSON documents over many lines, EVTX, gzip of these, standard input."""

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from model import VonggacError

MAX_LINE = 2**20
MAX_DOCUMENTS = 256 * 2**20
"""Largest file of JSON documents over many lines: it is read whole."""
_EVTX = b"ElfFile\x00"


class UnreadableError(VonggacError):
    """A file cannot be read or is not what it says."""


def records(path: str) -> Iterator[bytes]:
    """The records of ``path`` (``-``: standard input), in order. UnreadableError with the file's name."""
    try:
        if path == "-":
            yield from _of_stream(sys.stdin.buffer, "standard input")
            return
        with Path(path).open("rb") as stream:
            if stream.read(8) == _EVTX:
                yield from _evtx(path)
                return
            stream.seek(0)
            yield from _of_stream(stream, path)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _of_stream(stream: BinaryIO, name: str) -> Iterator[bytes]:
    buffered: Any = io.BufferedReader(stream, 2**18)
    head = buffered.peek(2)[:2]
    if head == b"\x1f\x8b":
        buffered = io.BufferedReader(gzip.GzipFile(fileobj=buffered), 2**18)
    start = buffered.peek(4096).lstrip()[:1]
    if start in (b"{", b"["):
        yield from _json(buffered, name)
    else:
        yield from _lines(buffered)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their end; a longer line than MAX_LINE is cut, its rest passed over."""
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE)
        yield line[:MAX_LINE].rstrip(b"\r\n")


def _json(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """JSON lines; or, when the first line is no whole document, documents over many lines or one array of them."""
    first = stream.readline(MAX_LINE + 1)
    while first and not first.strip():
        first = stream.readline(MAX_LINE + 1)
    if first.strip()[-1:] == b"}" and _whole(first):
        yield first.rstrip(b"\r\n")
        yield from _lines(stream)
        return
    content = first + stream.read(MAX_DOCUMENTS + 1)
    if len(content) > MAX_DOCUMENTS:
        raise UnreadableError(
            f"{name}: JSON over many lines is read whole, and this is more than {MAX_DOCUMENTS >> 20} MiB; use JSON lines"
        )
    yield from _documents(content.decode("utf-8-sig", "backslashreplace"), name)


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _documents(text: str, name: str) -> Iterator[bytes]:
    decoder, place = json.JSONDecoder(), 0
    while (place := _skip(text, place)) < len(text):
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"{name}:{text.count(chr(10), 0, place) + 1}: not JSON: {error}") from None
        for document in value if isinstance(value, list) else [value]:
            yield json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
        place = end


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n,":
        place += 1
    return place


def _evtx(path: str) -> Iterator[bytes]:
    from evtx import PyEvtxParser

    try:
        for record in PyEvtxParser(path).records_json():
            yield str((record or {})["data"]).encode("utf-8", "backslashreplace")
    except RuntimeError as error:
        raise UnreadableError(f"{path}: not a readable EVTX file: {error}") from None
