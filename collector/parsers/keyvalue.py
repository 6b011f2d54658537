"""``key=value key="quoted value" …`` in any order. One pass, no backtracking.

Values end at a blank (or at ``,`` when the text has no blank), quoted ones (``"`` or ``'``, backslash escapes) at their quote.
Words without ``=`` between pairs are free text.
"""

import re
from typing import Any, Final

from collector.parsers import times
from collector.parsers.quoting import quoted_end
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

PAIRS: Final = 1000
KEY: Final = 128
_BLANK: Final = re.compile(r"[\s,;]*")
_BARE: Final = re.compile(r"[^\s]*")
_BARE_COMMA: Final = re.compile(r"[^\s,]*")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_TIMES: Final = ("timestamp", "@timestamp", "time", "ts", "eventtime", "datetime", "date")
_HOSTS: Final = ("host", "hostname", "devname", "dvchost", "device_name")


def pairs(text: str) -> tuple[dict[str, str], str]:
    """All pairs, in order (a repeated key keeps its first value), and the free text between them."""
    found: dict[str, str] = {}
    free: list[str] = []
    bare = _BARE if " " in text or "\t" in text else _BARE_COMMA
    closed = {'"': True, "'": True}
    position, size = 0, len(text)
    for _ in range(PAIRS):
        position = _BLANK.match(text, position).end()  # type: ignore[union-attr]
        equals = text.find("=", position)
        if equals < 0 or position >= size:
            break
        words = text[position:equals].split()
        key = words.pop() if words and not text[equals - 1].isspace() else ""
        free += words
        value, position = _value(text, equals + 1, bare, closed)
        if key and len(key) <= KEY:
            found.setdefault(key, value)
        else:
            free.append(f"{key}={value}")
    if position < size:
        free.append(text[position:])
    return found, " ".join(free)


def _value(text: str, start: int, bare: re.Pattern[str], closed: dict[str, bool]) -> tuple[str, int]:
    """The value at ``start`` and the index after it. ``closed`` remembers which quote never closes again."""
    quote = text[start : start + 1]
    if closed.get(quote):
        end = quoted_end(text, start + 1, quote)
        if end >= 0:
            value = text[start + 1 : end]
            return (_ESCAPED.sub(r"\1", value) if "\\" in value else value), end + 1
        closed[quote] = False
    end = bare.match(text, start).end()  # type: ignore[union-attr]
    value = text[start:end]
    return (value.rstrip(",;") if text[end : end + 1] else value), end


def parse(text: str, context: Context) -> Parsed:
    """All pairs as fields; ``message`` is ``msg``, or the text when it says more. ParseError with fewer than two pairs."""
    found, free = pairs(text)
    if len(found) < 2:
        raise ParseError("not key=value: fewer than two pairs")
    at = None
    if "date" in found and "time" in found:
        at = times.first({"both": f"{found['date']} {found['time']}"}, ("both",), context.zone)
    if at is None:
        at = times.first(found, _TIMES, context.zone)
    fields: dict[str, Any] = dict(found)
    fields.setdefault("message", text if free else found.get("msg", text))
    product = found.get("vendor") or found.get("product") or ""
    service = found.get("service") if "vendor" in found or "product" in found else ""
    return Parsed(
        fields=fields,
        happened_at=at,
        host=next((found[name] for name in _HOSTS if found.get(name)), ""),
        logsource=LogSource(product=product.lower(), service=(service or "").lower()),
        format="keyvalue",
    )
