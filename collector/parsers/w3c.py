"""W3C extended log files (IIS, and others): columns as the last ``#Fields:`` directive names them.

Source: W3C working draft WD-logfile. ``-`` means absent, ``+`` for blanks stays as written, ``cs(User-Agent)`` becomes
``cs-user-agent``. Times are UTC whatever the zone of the server (that is the standard, and IIS keeps it).

State: the normalizer keeps the columns of every (source, file) and saves them. Without any the default columns of IIS 10 are
used when a line has just as many.
"""

from collections.abc import Sequence
from typing import Any, Final

from collector.parsers import times
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

COLUMNS: Final = 128
IIS: Final = (
    *("date", "time", "s-ip", "cs-method", "cs-uri-stem", "cs-uri-query", "s-port", "cs-username", "c-ip", "cs-user-agent"),
    *("cs-referer", "sc-status", "sc-substatus", "sc-win32-status", "time-taken"),
)
_NUMBERS: Final = frozenset(
    ("s-port", "c-port", "sc-status", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken", "s-siteid")
)
_SOURCE: Final = LogSource(product="windows", categories=("webserver",), service="iis")


def columns(text: str) -> tuple[str, ...]:
    """The columns a ``#Fields:`` line names, empty for any other text."""
    if not text.startswith("#Fields:"):
        return ()
    return tuple(_name(word) for word in text[8:].split(maxsplit=COLUMNS)[:COLUMNS])


def _name(word: str) -> str:
    """``cs(User-Agent)`` → ``cs-user-agent``; every other name in lower case."""
    return word[:128].lower().replace("(", "-").rstrip(")")


def parse(text: str, context: Context) -> Parsed:
    """One line without known columns: a directive, or a line of IIS's default columns."""
    return parse_line(text, IIS)


def parse_line(text: str, names: Sequence[str]) -> Parsed:
    """One line with the columns ``names``. ParseError when it has another number of columns."""
    if text[:1] == "#":
        return _directive(text)
    values = text.split()
    if len(values) != len(names) or len(names) < 2:
        raise ParseError(f"not W3C: {len(values)} columns where {len(names)} are named")
    fields: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        if value != "-":
            fields[name] = int(value) if name in _NUMBERS and value.isdecimal() and len(value) < 19 else value
    at = None
    if "date" in fields and "time" in fields:
        at = times.rfc3339(f"{fields['date']} {fields['time']}", "UTC")
    elif names is IIS:
        raise ParseError("not W3C: no date and time")
    if "cs-uri-stem" in fields:
        query = fields.get("cs-uri-query")
        fields.setdefault("cs-uri", f"{fields['cs-uri-stem']}?{query}" if query else fields["cs-uri-stem"])
    fields["message"] = text
    return Parsed(
        fields=fields,
        happened_at=at,
        host=str(fields.get("s-computername", "")),
        logsource=_SOURCE,
        format="w3c",
    )


def _directive(text: str) -> Parsed:
    name, colon, _ = text[1:65].partition(":")
    if not colon or not name.replace("-", "").isalpha():
        raise ParseError("not W3C: a line beginning with # that is no directive")
    return Parsed(fields={"directive": name, "message": text}, logsource=LogSource(service="iis"), format="w3c")
