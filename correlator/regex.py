"""What can be known of a regular expression without running it: its flags, and whether backtracking could blow up."""

import re
from typing import Any, Final

from re import _constants as sre  # type: ignore[attr-defined]  # isort: skip
from re import _parser as parser  # type: ignore[attr-defined]  # isort: skip

_REPEATS: Final = (sre.MAX_REPEAT, sre.MIN_REPEAT)
_FEW: Final = 16


def flags_of(value: str, flags: str) -> int:
    r"""Python flags for a rule's ``i``, ``m``, ``s``. ``\w \d \s \b`` mean ASCII, as in PCRE.

    Case is ignored beyond ASCII only when the expression itself goes beyond it.
    """
    wanted = 0
    for letter, flag in (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL)):
        wanted |= flag if letter in flags else 0
    ignores = "i" in flags or "(?i" in value
    return wanted if ignores and not value.isascii() else wanted | re.ASCII


def blow_up(value: str) -> bool:
    """Could backtracking take time exponential in the text? True for a repeat inside a repeat, back-references, and doubt."""
    try:
        return _nested(parser.parse(value), False)
    except (re.error, RecursionError, OverflowError):
        return True


def _nested(parsed: Any, inside: bool) -> bool:
    for what, argument in parsed:
        if what in _REPEATS:
            low, high, body = argument
            many = high is sre.MAXREPEAT or high - low > _FEW
            if (many and inside) or _nested(body, inside or many):
                return True
        elif what is sre.GROUPREF or what is sre.GROUPREF_EXISTS:
            return True
        elif what is sre.BRANCH:
            if inside or any(_nested(branch, inside) for branch in argument[1]):
                return inside or True
        elif what is sre.SUBPATTERN:
            if _nested(argument[-1], inside):
                return True
        elif what in (sre.ASSERT, sre.ASSERT_NOT):
            if _nested(argument[1], inside):
                return True
        elif what is getattr(sre, "ATOMIC_GROUP", None) and _nested(argument, inside):
            return True
    return False
