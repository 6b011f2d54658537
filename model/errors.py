"""The error tree: what can go wrong, by who has to act.

    VonggacError
    ├── ConfigError          a setting, rule list or register is wrong: the person who wrote it
    │   └── ProblemsError    several of them at once, each with its place
    ├── ParseError           a record is not what its format says: counted, kept as received
    ├── RuleError            a Sigma rule cannot be read or cannot run: the rule's author
    ├── BackboneError        a log or store does not do what was asked: the operator
    │   ├── FullError        no room (disk, quota): stop reading, lose nothing
    │   ├── ConflictError    somebody else changed the entry first: read again
    │   └── CorruptError     stored bytes fail their check
    ├── QueryError           a search cannot be understood: the person who typed it
    └── DeliveryError        a receiver did not take a report
        ├── RefusedError     it never will (4xx): needs a person
        └── RetryError       it may later (5xx, time-out, 429): carries ``retry_after``

Every message is one sentence: what, where, what to do.
"""

from dataclasses import dataclass


class VonggacError(Exception):
    """Base of every error this project raises on purpose."""


class ConfigError(VonggacError):
    """A setting, register or mapping is wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place of a file.

    ``line`` is 1-based, 0 when the problem has no line. ``hint`` says what to do, may be empty.
    """

    file: str
    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ProblemsError(ConfigError):
    """All problems of a configuration at once, in file order."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(p) for p in problems))


class ParseError(VonggacError):
    """A record is not what its format says. Never raised for anything but the record's content."""


class RuleError(VonggacError):
    """A Sigma rule cannot be read or cannot run."""

    def __init__(self, message: str, file: str = "", line: int = 0, rule: str = "") -> None:
        self.problem = Problem(file, line, message)
        self.rule = rule
        super().__init__(str(self.problem) if file else message)


class BackboneError(VonggacError):
    """A log or store does not do what was asked."""


class FullError(BackboneError):
    """No room left; nothing of the refused call was stored."""


class ConflictError(BackboneError):
    """The entry has another version than expected; nothing of the refused commit was stored."""


class CorruptError(BackboneError):
    """Stored bytes fail their check."""


class QueryError(VonggacError):
    """A search cannot be understood. ``position`` is the 0-based character where, None when it has no place."""

    def __init__(self, message: str, position: int | None = None) -> None:
        self.position = position
        super().__init__(message)


class DeliveryError(VonggacError):
    """A receiver did not take a report."""


class RefusedError(DeliveryError):
    """The receiver will never take this report as it is; needs a person."""


class RetryError(DeliveryError):
    """The receiver may take it later. ``retry_after`` in seconds, None when it did not say."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)
