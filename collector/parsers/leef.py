"""QRadar Log Event Extended Format 1.0 and 2.0: ``LEEF:2.0|vendor|product|version|event|^|key=value^key=value``.

Source: IBM "QRadar LEEF guide". Pairs are divided by tabs, in 2.0 by the sixth part: one character, or ``x09``/``0x09``.
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.cef import header_parts
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

PAIRS: Final = 1000
HEADER: Final = ("leefVersion", "deviceVendor", "deviceProduct", "deviceVersion", "eventID")
ALIASES: Final = {"src": "src_ip", "dst": "dst_ip", "srcPort": "src_port", "dstPort": "dst_port", "usrName": "user"}
_NUMBERS: Final = frozenset(("srcPort", "dstPort", "srcBytes", "dstBytes"))


def parse(text: str, context: Context) -> Parsed:
    """Header and attributes as fields, src_ip, dst_ip, src_port, dst_port, user as well; ``message`` is ``msg`` or the text."""
    if not text.startswith("LEEF:"):
        raise ParseError("not LEEF: does not begin with LEEF:")
    second = text.startswith("LEEF:2")
    header, start = header_parts(text, 5, 6 if second else 5)
    delimiter = _delimiter(header.pop()) if second else "\t"
    fields: dict[str, Any] = dict(zip(HEADER, header, strict=True))
    for part in text[start:].split(delimiter, PAIRS):
        key, equals, value = part.strip().partition("=")
        if equals and key and len(key) <= 128:
            fields[key] = int(value) if key in _NUMBERS and value.isdecimal() and len(value) < 19 else value
    for key, name in ALIASES.items():
        if key in fields:
            fields.setdefault(name, fields[key])
    fields["message"] = fields.get("msg") or text
    return Parsed(
        fields=fields,
        happened_at=times.first(fields, ("devTime",), context.zone),
        host=str(fields.get("devName") or fields.get("identHostName") or ""),
        logsource=LogSource(product=header[1].lower(), service=header[2].lower()),
        format="leef",
    )


def _delimiter(text: str) -> str:
    """The divider LEEF 2.0 names: a character, ``x``/``0x`` and hexadecimal digits, nothing (tab)."""
    if len(text) <= 1:
        return text or "\t"
    digits = text.lower().removeprefix("0").removeprefix("x")
    try:
        return chr(int(digits, 16)) if len(digits) <= 4 and not 0xD800 <= int(digits, 16) <= 0xDFFF else "\t"
    except ValueError:
        raise ParseError(f"not LEEF 2.0: {text[:16]!r} names no delimiter") from None
