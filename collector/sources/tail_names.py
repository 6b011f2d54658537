"""Names that rotation gives to files: ``x.log`` → ``x.log.1``, ``x.log-20261121.gz``, ``x-2026-11-21.log``. No I/O."""

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final, NamedTuple

_MARK: Final = re.compile(r"[-._](?:\d{1,4}|\d{8}(?:[-_T.]?\d{1,6})?|\d{4}-\d{2}-\d{2}(?:[-_T.]?\d{1,6})?|\d{10}|old|bak)$")
_DATE: Final = 8  # digits from which a number is a date, and grows
_EXTENSION: Final = re.compile(r"\.[A-Za-z]{1,8}$")


class Name(NamedTuple):
    """``stem`` is the name before any rotation, ``marks`` how many things rotation added to it."""

    folder: str
    stem: str
    marks: int


@lru_cache(maxsize=20_000)
def understand(path: str) -> Name:
    """The parts of a path that rotation changes."""
    pure = PurePosixPath(path)
    name, marks = pure.name, 0
    if name.endswith(".gz"):
        name, marks = name[:-3], 1
    name, found = _strip(name)
    marks += found
    extension = _EXTENSION.search(name)
    if extension and not found:  # logrotate's "extension": x-20261121.log
        root, more = _strip(name[: extension.start()])
        name, marks = root + extension.group(), marks + more
    return Name(str(pure.parent), name, marks)


def _strip(name: str) -> tuple[str, int]:
    count = 0
    while (mark := _MARK.search(name)) and mark.start() > 0:
        name, count = name[: mark.start()], count + 1
    return name, count


def kin(a: str, b: str) -> bool:
    """Whether both may be the same log at different ages: one stem, one folder or a folder inside the other (``olddir``)."""
    left, right = understand(a), understand(b)
    if left.stem != right.stem:
        return False
    one, other = left.folder.rstrip("/") + "/", right.folder.rstrip("/") + "/"
    return one.startswith(other) or other.startswith(one)


def rotated_from(path: str, live: str) -> bool:
    """Whether ``path`` is what rotation would make of ``live``."""
    return kin(path, live) and understand(path).marks > understand(live).marks


def younger(path: str, other: str) -> bool:
    """Whether ``path`` was rotated away after ``other``, by the numbers or dates in their names. False when these do not tell."""
    one, two = _age(path), _age(other)
    if one is None or two is None or len(one) != len(two) or not kin(path, other):
        return False
    return one > two if len(one) >= _DATE else int(one) < int(two)


@lru_cache(maxsize=20_000)
def _age(path: str) -> str | None:
    """The digits rotation put into a name: ``1`` of ``x.log.1.gz``, ``20261121`` of ``x.log-2026-11-21``; None without any."""
    name = PurePosixPath(path).name.removesuffix(".gz")
    mark = _MARK.search(name)
    if mark is None:
        extension = _EXTENSION.search(name)
        mark = _MARK.search(name[: extension.start()]) if extension else None
    digits = "".join(c for c in mark.group() if c.isdecimal()) if mark else ""
    return (digits if len(digits) >= _DATE else f"{int(digits):04d}") if digits else None


def compressed(path: str) -> bool:
    return path.endswith(".gz")
