"""Syslog of RFC 5424: ``<PRI>1 TIMESTAMP HOST APP PROCID MSGID SD [MSG]``. Nil values (``-``) are left out.

A parameter of structured data becomes the field ``sd_id.name``; a repeated one a list. Escapes ``\\"``, ``\\\\``, ``\\]``
are undone (section 6.3.3). Limits: names of 128 characters, 1,000 parameters.
"""

import re
from typing import Final

from collector.parsers import times
from collector.parsers.quoting import quoted_end
from collector.parsers.rfc3164 import priority, source_of
from collector.recipe import Context, Parsed
from model import ParseError

NAME: Final = 128
PARAMETERS: Final = 1000
_ESCAPED: Final = re.compile(r'\\(["\\\]])')


def parse(text: str, context: Context) -> Parsed:
    """Fields facility, severity, program, pid, msgid, message and structured data. ParseError when it is not version 1."""
    fields: dict[str, object] = {}
    start = priority(text, fields)
    if not start or text[start : start + 2] != "1 ":
        raise ParseError("not RFC 5424: no <PRI>1 at the beginning")
    parts = text[start + 2 : start + 1024].split(" ", 5)
    if len(parts) < 6:
        raise ParseError("not RFC 5424: the header has fewer than six parts")
    stamp, host, program, pid, msgid, _ = parts
    at = None if stamp == "-" else times.rfc3339(stamp, context.zone)
    start += 2 + sum(map(len, parts[:5])) + 5
    end = _structured(text, start, fields)
    message = text[end + 1 :].removeprefix("\ufeff") if text[end : end + 1] == " " else text[end:]
    program = "" if program == "-" else program
    if program:
        fields["program"] = program
    if pid != "-":
        fields["pid"] = int(pid) if pid.isascii() and pid.isdigit() and len(pid) < 19 else pid
    if msgid != "-":
        fields["msgid"] = msgid
    fields["message"] = message
    return Parsed(
        fields=fields,
        happened_at=at,
        host="" if host == "-" else host,
        logsource=source_of(program),
        format="syslog",
        program=program,
        message=message,
    )


def _structured(text: str, start: int, fields: dict[str, object]) -> int:
    """Read the SD part at ``start`` into ``fields``; return the index after it."""
    if text[start : start + 1] == "-":
        return start + 1
    position, count = start, 0
    while text[position : position + 1] == "[":
        position += 1
        stop = min((i for i in (text.find(" ", position, position + NAME), _bracket(text, position)) if i > 0), default=-1)
        if stop < 0:
            raise ParseError("not RFC 5424: an element of structured data has no end")
        name, position = text[position:stop], stop
        while text[position : position + 1] == " ":
            equals = text.find('="', position, position + NAME)
            end = quoted_end(text, equals + 2) if equals > 0 else -1
            count += 1
            if end < 0 or count > PARAMETERS:
                raise ParseError("not RFC 5424: a parameter of structured data is cut off, or there are too many")
            _add(fields, f"{name}.{text[position + 1 : equals]}", text[equals + 2 : end])
            position = end + 1
        if text[position : position + 1] != "]":
            raise ParseError("not RFC 5424: an element of structured data never closes")
        position += 1
    if position == start:
        raise ParseError("not RFC 5424: no structured data and no '-' in its place")
    return position


def _bracket(text: str, start: int) -> int:
    return text.find("]", start, start + NAME)


def _add(fields: dict[str, object], name: str, value: str) -> None:
    if "\\" in value:
        value = _ESCAPED.sub(r"\1", value)
    known = fields.get(name)
    if known is None:
        fields[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        fields[name] = [known, value]
