"""Calling the command in tests, and rules for it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

RULE = """\
title: Rule {number}
id: 00000000-0000-4000-8000-{number:012d}
logsource: {{{logsource}}}
detection: {{s: {{{test}}}, condition: s}}
level: high
"""


class Answer(NamedTuple):
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


Command = Callable[..., Answer]


def rule(number: int, logsource: str, test: str) -> str:
    """A Sigma rule of id …``number``."""
    return RULE.format(number=number, logsource=logsource, test=test)
