"""What a text may be when nobody said: names of parsers worth trying, in order. Pure; looks at the beginning only."""

from collections.abc import Callable
from typing import Final

from collector.parsers import PROGRAMS, SNIFFERS
from collector.parsers.rfc3164 import program_name

_Tests = tuple[tuple[Callable[[str], bool], str], ...]
_ANY: Final[_Tests] = tuple((test, name) for starts, test, name in SNIFFERS if not starts)
_BY_FIRST: Final[dict[str, _Tests]] = {
    first: tuple((test, name) for starts, test, name in SNIFFERS if not starts or first in starts)
    for first in {sign for starts, _, _ in SNIFFERS for sign in starts}
}


def candidates(text: str) -> list[str]:
    """Formats ``text`` may have, surest first; empty when it looks like nothing we know."""
    return [name for test, name in _BY_FIRST.get(text[:1], _ANY) if test(text)]


def format_of(program: str) -> str:
    """The format of what ``program`` (a syslog tag) writes, empty when unknown."""
    name = program_name(program)
    return PROGRAMS.get(name) or PROGRAMS.get(name.partition("/")[0]) or PROGRAMS.get(name.partition("-")[0]) or ""
