"""Error log of Apache httpd 2.4 and 2.2.

[Sat Nov 21 16:30:00.123456 2026] [core:error] [pid 12:tid 13] [client 203.0.113.7:51000] AH00037: message, referer: …
"""

from typing import Any, Final

from collector.parsers import times
from collector.recipe import Context, Parsed
from model import LogSource, Micros, ParseError

LEVELS: Final = frozenset(
    ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", *(f"trace{n}" for n in range(1, 9)))
)
_SOURCE: Final = LogSource(product="apache", service="error")


def parse(text: str, context: Context) -> Parsed:
    """Fields level, module, pid, tid, c-ip, c-port, code, message, cs-referer."""
    end = text.find("] ", 0, 48)
    if text[:1] != "[" or end < 0:
        raise ParseError("not an Apache error log: no [time] at the beginning")
    at = _time(text[1:end], context)
    fields: dict[str, Any] = {}
    start = end + 2
    while text[start : start + 1] == "[" and (end := text.find("] ", start, start + 256)) > 0:
        if not _group(text[start + 1 : end], fields):
            break
        start = end + 2
    if "level" not in fields:
        raise ParseError("not an Apache error log: no level")
    message = text[start:]
    code, colon, _ = message[:16].partition(": ")
    if colon and code[:2] == "AH" and code[2:].isdigit():
        fields["code"] = code
    referer = message.rfind(", referer: ")
    if referer >= 0 and " " not in message[referer + 11 :]:
        fields["cs-referer"] = message[referer + 11 :]
        message = message[:referer]
    fields["message"] = message
    return Parsed(fields=fields, happened_at=at, logsource=_SOURCE, format="apache_error")


def _time(text: str, context: Context) -> Micros:
    """``Sat Nov 21 16:30:00.123456 2026``; RFC 3339 when ErrorLogFormat says ``%{cu}t``."""
    parts = text.split()
    if len(parts) == 5:
        return times.moment(f"{parts[1]} {parts[2]} {parts[4]} {parts[3]}", context.zone)
    return times.rfc3339(text, context.zone)


def _group(text: str, fields: dict[str, Any]) -> bool:
    """One ``[…]`` before the message; False when it already belongs to the message."""
    word, _, rest = text.partition(" ")
    if not rest and "level" not in fields:
        module, colon, level = word.rpartition(":")
        if level not in LEVELS:
            return False
        fields["level"] = level
        if colon and module not in {"", "-"}:
            fields["module"] = module
        return True
    if word == "pid" and rest:
        pid, _, tid = rest.partition(":tid ")
        fields |= {name: int(value) for name, value in (("pid", pid), ("tid", tid)) if value.isdecimal() and len(value) < 19}
        return True
    if word in {"client", "remote"} and rest:
        address, colon, port = rest.rpartition(":")
        if colon and port.isdecimal() and len(port) < 6 and (":" not in address or address[0] == "["):
            fields["c-ip"], fields["c-port"] = address.strip("[]"), int(port)
        elif colon and port.isdecimal() and rest.count(":") == 8:
            fields["c-ip"], fields["c-port"] = address, int(port)
        else:
            fields["c-ip"] = rest
        return True
    return False
