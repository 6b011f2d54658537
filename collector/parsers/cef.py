"""ArcSight Common Event Format, ``CEF:0|vendor|product|version|signature|name|severity|extension``.

Source: "Implementing ArcSight Common Event Format", versions 0 and 1. Extension values may hold blanks: a value ends where
the next ``key=`` begins. ``cs1Label=Ma ho so cs1=X`` gives both ``cs1`` and the field ``Ma ho so``.
"""

import re
from typing import Any, Final

from collector.parsers import times
from collector.recipe import Context, Parsed
from model import ConfigError, LogSource, ParseError

PAIRS: Final = 1000
HEADER: Final = ("cefVersion", "deviceVendor", "deviceProduct", "deviceVersion", "signatureID", "name", "severity")
ALIASES: Final = {"src": "src_ip", "dst": "dst_ip", "spt": "src_port", "dpt": "dst_port"}
_KEY: Final = re.compile(r"(?<!\S)([A-Za-z0-9_.\-\[\]]{1,128})=")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_NUMBERS: Final = frozenset(("spt", "dpt", "in", "out", "cnt", "spid", "dpid", "fsize", "oldFileSize"))


def parse(text: str, context: Context) -> Parsed:
    """Header and extension keys as fields, src_ip, dst_ip, src_port, dst_port as well; ``message`` is ``msg`` or the name."""
    if not text.startswith("CEF:"):
        raise ParseError("not CEF: does not begin with CEF:")
    header, start = header_parts(text, 4, 7)
    fields: dict[str, Any] = dict(zip(HEADER, header, strict=True))
    pairs = extension(text[start:])
    for key, value in pairs.items():
        fields[key] = int(value) if key in _NUMBERS and value.isdecimal() and len(value) < 19 else value
    for key, name in ALIASES.items():
        if key in fields:
            fields.setdefault(name, fields[key])
    for key, label in pairs.items():
        if key.endswith("Label") and label and key[:-5] in pairs:
            fields.setdefault(label[:128], pairs[key[:-5]])
    fields["message"] = pairs.get("msg") or fields["name"]
    return Parsed(
        fields=fields,
        happened_at=times.first(pairs, ("rt", "end", "start", "deviceReceiptTime"), _zone(pairs, context)),
        host=pairs.get("dvchost") or pairs.get("dvc", ""),
        logsource=LogSource(product=header[1].lower(), service=header[2].lower()),
        format="cef",
    )


def _zone(pairs: dict[str, str], context: Context) -> str:
    """The device's own zone when it names one that exists."""
    zone = pairs.get("dtz", "")[:64]
    try:
        return zone if zone and times.zone_of(zone) else context.zone
    except ConfigError:
        return context.zone


def header_parts(text: str, start: int, count: int) -> tuple[list[str], int]:
    r"""``count`` parts divided by ``|`` (``\|`` and ``\\`` escaped) from ``start``, and the index after the last divider."""
    parts: list[str] = []
    position = begin = start
    while len(parts) < count:
        bar = text.find("|", position)
        if bar < 0:
            if len(parts) == count - 1:  # no extension, no divider after the last part
                parts.append(_unescape(text[begin:]))
                return parts, len(text)
            raise ParseError(f"not CEF or LEEF: the header has fewer than {count} parts")
        back = bar
        while back > begin and text[back - 1] == "\\":
            back -= 1
        position = bar + 1
        if (bar - back) % 2 == 0:
            parts.append(_unescape(text[begin:bar]))
            begin = position
    return parts, begin


def extension(text: str) -> dict[str, str]:
    """The ``key=value`` pairs of an extension; at most PAIRS, the rest stays in the last value."""
    found: dict[str, str] = {}
    key, begin = "", 0
    for match in _KEY.finditer(text):
        if key:
            found[key] = _unescape(text[begin : match.start()].rstrip())
            if len(found) >= PAIRS:
                key = ""
                break
        key, begin = match[1], match.end()
    if key:
        found[key] = _unescape(text[begin:].rstrip())
    return found


def _unescape(text: str) -> str:
    return _ESCAPED.sub(_one, text) if "\\" in text else text


def _one(match: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r"}.get(match[1], match[1] if match[1] in "\\=|" else match[0])
