"""The body of an ingest request → records as received. Everything is bounded; the caller's mistakes are ``BodyError``. No I/O."""

import json
import zlib
from typing import Final

import msgspec

from collector.framing import Framer

_FREE: Final = 1 << 20  # bytes that any body may unpack to, whatever the ratio
_STEP: Final = 1 << 20
LINES: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines"}
)
JSON: Final = frozenset({"application/json", "text/json"})
TEXT: Final = frozenset({"text/plain"})
UNSAID: Final = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
"""What ``curl --data`` and others send when nobody told them: the body is looked at."""

_raw = msgspec.json.Decoder(msgspec.Raw)
_text = msgspec.json.Decoder(str).decode
_array = msgspec.json.Decoder(list[msgspec.Raw])


class BodyError(Exception):
    """Why a body is refused: an HTTP ``status`` and one sentence."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        super().__init__(detail)


class Cut(msgspec.Struct, frozen=True):
    """Records as (data, tags). ``unparsed`` counts lines said to be JSON that are none: kept all the same."""

    records: list[tuple[bytes, tuple[str, ...]]]
    unparsed: int = 0


class Limits(msgspec.Struct, frozen=True):
    """``unpacked``: bytes after decompression; ``ratio``: how many times the compressed size; ``record``: bytes of one record."""

    unpacked: int
    ratio: int
    records: int
    record: int


def unpack(body: bytes, encoding: str, limits: Limits) -> bytes:
    """Undo Content-Encoding ``gzip`` (or none). Never makes more than the limits allow, whatever the input claims."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise BodyError(415, f"Content-Encoding {encoding[:40]!r} is not understood; send gzip or none.")
    most = min(limits.unpacked, max(_FREE, len(body) * limits.ratio))
    parts, size, rest = [], 0, body
    while rest:
        inflate = zlib.decompressobj(31)
        while not inflate.eof:
            try:
                part = inflate.decompress(rest, _STEP)
            except zlib.error as error:
                raise BodyError(400, f"The body is not valid gzip: {error}.") from error
            size += len(part)
            if size > most:
                raise BodyError(413, f"The body unpacks to more than {most} bytes; send less at a time.")
            parts.append(part)
            rest = inflate.unconsumed_tail
            if not rest and not part and not inflate.eof:
                raise BodyError(400, "The gzip body ends too early; send it again.")
        rest = inflate.unused_data
    return b"".join(parts)


def cut(body: bytes, kind: str, limits: Limits) -> Cut:
    """Records of ``body`` by media type ``kind`` (one of UNSAID guesses). Each record keeps its own bytes."""
    if kind in JSON:
        found = _json(body, limits)
    elif kind in LINES:
        found = _json_lines(body, limits)
    elif kind in TEXT:
        found = Cut(_lines(body, limits))
    elif kind in UNSAID:
        found = _guessed(body, limits)
    else:
        raise BodyError(
            415, f"Content-Type {kind[:80]!r} is not understood; send application/json, application/x-ndjson or text/plain."
        )
    if len(found.records) > limits.records:
        raise BodyError(413, f"{len(found.records)} records in one request; at most {limits.records} are taken.")
    return found


def _json(body: bytes, limits: Limits) -> Cut:
    """One JSON value, or an array of them (a string is the line it holds); lines of JSON are forgiven their media type."""
    text = body.strip()
    if not text:
        return Cut([])
    try:
        if text[:1] == b"[":
            return Cut([_bounded(_line(item), limits) for item in _items(text)])
        _raw.decode(text)
        return Cut([_bounded(_line(text), limits)])
    except RecursionError as error:
        raise BodyError(400, "The JSON is nested too deeply.") from error
    except ValueError as error:
        first, newline, _ = text.partition(b"\n")
        if newline and text[:1] == b"{" and _is_json(first):
            return _json_lines(text, limits)
        raise BodyError(400, f"The body is not valid JSON: {error}.") from error


def _items(text: bytes) -> list[bytes]:
    """The values of an array, as they stand; written anew when only a laxer reader takes them (lone surrogates, NaN)."""
    try:
        return [bytes(item) for item in _array.decode(text)]
    except msgspec.DecodeError as error:
        try:
            found = json.loads(text, strict=False)
        except ValueError:
            raise error from None
        return [json.dumps(item).encode() for item in found]


def _guessed(body: bytes, limits: Limits) -> Cut:
    """JSON when it is; else lines: those of Apache's error log begin with a bracket too."""
    if body.lstrip()[:1] in (b"{", b"["):
        try:
            return _json(body, limits)
        except BodyError:
            pass
    return Cut(_lines(body, limits))


def _line(value: bytes) -> bytes:
    """The text of a JSON string; empty ones, those that are no text and other values stay JSON."""
    if value[:1] != b'"':
        return value
    try:
        return _text(value).encode() or value
    except (msgspec.DecodeError, UnicodeError):
        return value


def _json_lines(body: bytes, limits: Limits) -> Cut:
    records = _lines(body, limits)
    return Cut(records, sum(1 for data, _ in records if not _is_json(data)))


def _lines(body: bytes, limits: Limits) -> list[tuple[bytes, tuple[str, ...]]]:
    if body.count(b"\n") > limits.records * 2:
        raise BodyError(413, f"More than {limits.records * 2} lines in one request; at most {limits.records} records are taken.")
    framer = Framer(limits.record, octets=False)
    return [(frame.data, frame.tags) for frame in framer.feed(body) + framer.finish()]


def _is_json(line: bytes) -> bool:
    try:
        _raw.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _bounded(data: bytes, limits: Limits) -> tuple[bytes, tuple[str, ...]]:
    return (data, ()) if len(data) <= limits.record else (data[: limits.record], ("truncated",))
