"""What a text is when nobody said, and what envelopes carry. Pure; tests look at the beginning only."""

from collections.abc import Callable
from typing import Final

from collector.parsers import PARSERS, PROGRAMS, SNIFFERS
from collector.parsers.rfc3164 import program_name
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

CARRIED: Final = 4
"""Deepest nesting of envelopes that is opened (syslog in JSON in syslog)."""

_Tests = tuple[tuple[Callable[[str], bool], str], ...]
_ANY: Final[_Tests] = tuple((test, name) for starts, test, name in SNIFFERS if not starts)
_BY_FIRST: Final[dict[str, _Tests]] = {
    first: tuple((test, name) for starts, test, name in SNIFFERS if not starts or first in starts)
    for first in {sign for starts, _, _ in SNIFFERS for sign in starts}
}
_NO_SOURCE: Final = LogSource()


def candidates(text: str) -> list[str]:
    """Formats ``text`` may have, surest first; empty when it looks like nothing we know."""
    return [name for test, name in _BY_FIRST.get(text[:1], _ANY) if test(text)]


def format_of(program: str) -> str:
    """The format of what ``program`` (a syslog tag) writes, empty when unknown."""
    name = program_name(program)
    return PROGRAMS.get(name) or PROGRAMS.get(name.partition("/")[0]) or PROGRAMS.get(name.partition("-")[0]) or ""


def read_as(name: str, text: str, context: Context) -> Parsed | None:
    """``text`` by the parser called ``name``; None when it is not of that format."""
    try:
        return PARSERS[name](text, context)
    except ParseError:
        return None


def sniffed(text: str, context: Context) -> Parsed | None:
    """What the format of ``context.program``, or the look of ``text``, makes of it; None when nothing does."""
    known = format_of(context.program) if context.program else ""
    if known:
        parsed = read_as(known, text, context)
        if parsed is not None:
            return parsed
    for test, name in _BY_FIRST.get(text[:1], _ANY):
        if name != known and test(text):
            parsed = read_as(name, text, context)
            if parsed is not None:
                return parsed
    return None


def opened(outer: Parsed, context: Context) -> Parsed:
    """An envelope with what it carries: the inner names win, the envelope gives what the inside does not say."""
    for _ in range(CARRIED):
        if outer.message is None:
            break
        inner = sniffed(outer.message, Context(context.received_at, context.zone, context.peer, outer.program))
        if inner is None:
            break
        fields = outer.fields
        fields.update(inner.fields)
        outer = Parsed(
            fields=fields,
            happened_at=outer.happened_at if inner.happened_at is None else inner.happened_at,
            host=inner.host or outer.host,
            logsource=inner.logsource if inner.logsource != _NO_SOURCE else outer.logsource,
            format=inner.format,
            tags=outer.tags + inner.tags,
            program=inner.program or outer.program,
            message=inner.message,
        )
    return outer
