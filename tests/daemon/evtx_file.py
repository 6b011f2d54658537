"""Writes EVTX files, for tests of reading them: one chunk, one template shared by all records, checksums as Windows has them.

After the public description of the format by libevtx ("Windows XML Event Log (EVTX)"); integers are little-endian.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

CHUNK = 65536
HEADER = 512
_NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
_STRING, _UINT16, _UINT32, _UINT64, _FILETIME = 0x01, 0x06, 0x08, 0x0A, 0x11
_SYSTEM = ("Provider", "EventID", "Level", "TimeCreated", "EventRecordID", "Channel", "Computer")


def filetime(micros: int) -> int:
    """Microseconds since 1970 as 100 ns since 1601."""
    return (micros + 11_644_473_600_000_000) * 10


class _Xml:
    """Binary XML at ``start`` of its chunk: names stand where they are used first, later uses point there."""

    def __init__(self, start: int, names: dict[str, int]) -> None:
        self.out, self._start, self._names = bytearray(), start, names

    @property
    def here(self) -> int:
        return self._start + len(self.out)

    def pack(self, form: str, *values: Any) -> int:
        """Append; return where, for ``patch``."""
        place = len(self.out)
        self.out += struct.pack("<" + form, *values)
        return place

    def patch(self, place: int) -> None:
        """Write how much follows the size field at ``place``."""
        struct.pack_into("<I", self.out, place, len(self.out) - place - 4)

    def name(self, text: str) -> None:
        if text in self._names:
            self.pack("I", self._names[text])
            return
        self._names[text] = self.here + 4
        code = 0
        for mark in text:
            code = (code * 65599 + ord(mark)) & 0xFFFFFFFF
        self.pack("IIHH", self.here + 4, 0, code & 0xFFFF, len(text))
        self.out += text.encode("utf-16-le") + b"\0\0"

    def open(self, name: str, attributes: Mapping[str, Any] | None = None) -> int:
        """Begin an element; attribute values are texts, or (number, type) of a substitution. Returns its place for ``close``."""
        self.pack("BH", 0x41 if attributes else 0x01, 0xFFFF)
        size = self.pack("I", 0)
        self.name(name)
        if attributes:
            listed = self.pack("I", 0)
            for number, (key, value) in enumerate(attributes.items(), 1):
                self.pack("B", 0x46 if number < len(attributes) else 0x06)
                self.name(key)
                self.value(value)
            self.patch(listed)
        return size

    def value(self, value: Any) -> None:
        if isinstance(value, str):
            self.pack("BBH", 0x05, _STRING, len(value))
            self.out += value.encode("utf-16-le")
        else:
            self.pack("BHB", 0x0D, *value)

    def element(self, name: str, attributes: Mapping[str, Any] | None, content: Any = None) -> None:
        size = self.open(name, attributes)
        if content is None:
            self.pack("B", 0x03)
        else:
            self.pack("B", 0x02)
            self.value(content)
            self.pack("B", 0x04)
        self.patch(size)


def evtx(events: Sequence[Mapping[str, Any]], data: Sequence[str]) -> bytes:
    """A file of ``events``, each with the keys of _SYSTEM (``TimeCreated`` in µs) and texts for the names in ``data``."""
    chunk = bytearray(HEADER)
    names: dict[str, int] = {}
    template, last = 0, HEADER
    for number, event in enumerate(events, 1):
        last = len(chunk)
        xml = _Xml(last + 24, names)
        xml.pack("BBBB", 0x0F, 1, 1, 0)
        xml.pack("BBI", 0x0C, 1, 0x1234)
        if not template:
            template = xml.here + 4
            xml.pack("I", template)
            _define(xml, data)
        else:
            xml.pack("I", template)
        _substitute(xml, number, event, data)
        xml.pack("B", 0)
        body = bytes(xml.out) + bytes(-len(xml.out) % 8 + 4)
        size = 24 + len(body) + 4
        chunk += struct.pack("<4sIQQ", b"\x2a\x2a\0\0", size, number, filetime(event["TimeCreated"])) + body
        chunk += struct.pack("<I", size)
    assert len(chunk) <= CHUNK, "this writer makes one chunk"
    return _file_header(len(events)) + _chunk(chunk, len(events), last, template)


def _define(xml: _Xml, data: Sequence[str]) -> None:
    xml.pack("I16s", 0, b"\x34\x12\0\0" + bytes(range(12)))
    size = xml.pack("I", 0)
    xml.pack("BBBB", 0x0F, 1, 1, 0)
    event = xml.open("Event", {"xmlns": _NAMESPACE})
    xml.pack("B", 0x02)
    system = xml.open("System")
    xml.pack("B", 0x02)
    xml.element("Provider", {"Name": (0, _STRING)})
    xml.element("EventID", {"Qualifiers": "0"}, (1, _UINT16))
    xml.element("Level", None, (2, _UINT16))
    xml.element("TimeCreated", {"SystemTime": (3, _FILETIME)})
    xml.element("EventRecordID", None, (4, _UINT64))
    xml.element("Channel", None, (5, _STRING))
    xml.element("Computer", None, (6, _STRING))
    xml.pack("B", 0x04)
    xml.patch(system)
    content = xml.open("EventData")
    xml.pack("B", 0x02)
    for number, name in enumerate(data, len(_SYSTEM)):
        xml.element("Data", {"Name": name}, (number, _STRING))
    xml.pack("B", 0x04)
    xml.patch(content)
    xml.pack("B", 0x04)
    xml.patch(event)
    xml.pack("B", 0)
    xml.patch(size)


def _substitute(xml: _Xml, number: int, event: Mapping[str, Any], data: Sequence[str]) -> None:
    values = [
        (_STRING, event["Provider"].encode("utf-16-le")),
        (_UINT16, struct.pack("<H", event["EventID"])),
        (_UINT16, struct.pack("<H", event.get("Level", 4))),
        (_FILETIME, struct.pack("<Q", filetime(event["TimeCreated"]))),
        (_UINT64, struct.pack("<Q", number)),
        (_STRING, event["Channel"].encode("utf-16-le")),
        (_STRING, event["Computer"].encode("utf-16-le")),
        *((_STRING, event.get(name, "").encode("utf-16-le")) for name in data),
    ]
    xml.pack("I", len(values))
    for kind, value in values:
        xml.pack("HBB", len(value), kind, 0)
    for _, value in values:
        xml.out += value


def _file_header(records: int) -> bytes:
    head = struct.pack("<8sQQQIHHHH", b"ElfFile\0", 0, 0, records + 1, 128, 1, 3, 4096, 1).ljust(120, b"\0")
    return (head + struct.pack("<II", 0, zlib.crc32(head))).ljust(4096, b"\0")


def _chunk(chunk: bytearray, records: int, last: int, template: int) -> bytes:
    """The chunk with its header: counts, places, the template's place in its bucket, both checksums."""
    free = len(chunk)
    head = struct.pack("<8sQQQQIII", b"ElfChnk\0", 1, records, 1, records, 128, last, free)
    head += struct.pack("<I", zlib.crc32(chunk[HEADER:]))
    pointers = bytearray(HEADER - 128)
    if template:
        struct.pack_into("<I", pointers, 256, template)
    checksum = zlib.crc32(head.ljust(120, b"\0") + pointers)
    chunk[:HEADER] = head.ljust(120, b"\0") + struct.pack("<II", 1, checksum) + pointers
    return bytes(chunk.ljust(CHUNK, b"\0"))
