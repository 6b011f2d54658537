"""Error log of nginx: ``2026/11/21 16:30:00 [error] 12#12: *5 message, client: …, server: …, request: "…", host: "…"``."""

from ipaddress import ip_address
from typing import Any, Final

from collector.parsers import times
from collector.parsers.access import request
from collector.parsers.quoting import quoted_end
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

LEVELS: Final = frozenset(("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"))
_SOURCE: Final = LogSource(product="nginx", service="error")
_NAMES: Final = {
    "server": "server",
    "upstream": "upstream",
    "host": "cs-host",
    "referrer": "cs-referer",
    "subrequest": "subrequest",
}
_TRIES: Final = 8


def parse(text: str, context: Context) -> Parsed:
    """Fields level, pid, tid, connection, message, c-ip, cs-method, cs-uri…, cs-host, server, upstream, cs-referer.

    The message is not escaped by nginx, so a path can imitate the end of the line: when more than one ``client:`` could be
    the real one the first is taken and the event tagged ``ambiguous``.
    """
    if text[19:21] != " [":
        raise ParseError("not an nginx error log: no [level] after the time")
    at = times.slashed(text[:19], context.zone)
    end = text.find("] ", 21, 32)
    level = text[21:end]
    if level not in LEVELS:
        raise ParseError("not an nginx error log: unknown level")
    fields: dict[str, Any] = {"level": level}
    start = _process(text, end + 2, fields)
    place, tags = _client_at(text, start)
    if place < 0:
        fields["message"] = text[start:]
    else:
        fields["message"] = text[start:place]
        _context(text, place, fields)
    return Parsed(fields=fields, happened_at=at, logsource=_SOURCE, format="nginx_error", tags=tags)


def _process(text: str, start: int, fields: dict[str, Any]) -> int:
    """``12#13: *5 `` at ``start``; return the index of the message."""
    end = text.find(": ", start, start + 48)
    pid, mark, tid = text[start:end].partition("#")
    if end < 0 or not mark or not (pid.isdigit() and tid.isdigit()):
        return start
    fields["pid"], fields["tid"] = int(pid), int(tid)
    start = end + 2
    if text[start : start + 1] == "*":
        end = text.find(" ", start, start + 24)
        if end > 0 and text[start + 1 : end].isdigit():
            fields["connection"] = int(text[start + 1 : end])
            start = end + 1
    return start


def _client_at(text: str, start: int) -> tuple[int, tuple[str, ...]]:
    """Index of the ``, client: `` that an address follows, -1 when there is none; tagged when there are several."""
    found, position = -1, start
    for _ in range(_TRIES):
        position = text.find(", client: ", position)
        if position < 0:
            break
        if _is_address(text[position + 10 : position + 60].partition(",")[0]):
            if found >= 0:
                return found, ("ambiguous",)
            found = position
        position += 10
    return found, ()


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip())
    except ValueError:
        return text == "unix:"
    return True


def _context(text: str, start: int, fields: dict[str, Any]) -> None:
    """Read ``, name: value`` pairs from ``start``; values in quotes may hold commas."""
    while text[start : start + 2] == ", ":
        colon = text.find(": ", start, start + 32)
        if colon < 0:
            return
        name = text[start + 2 : colon]
        if text[colon + 2 : colon + 3] == '"':
            end = quoted_end(text, colon + 3)
            end = len(text) if end < 0 else end
            value, start = text[colon + 3 : end], end + 1
        else:
            end = text.find(", ", colon)
            end = len(text) if end < 0 else end
            value, start = text[colon + 2 : end], end
        if name == "client":
            fields["c-ip"] = value
        elif name == "request":
            request(value, fields)
        elif name in _NAMES:
            fields[_NAMES[name]] = value
