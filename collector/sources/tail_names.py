"""Names that rotation gives to files: ``x.log`` → ``x.log.1``, ``x.log-20261121.gz``, ``x-2026-11-21.log``. No I/O."""

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final, NamedTuple

_MARK: Final = re.compile(r"[-._](?:\d{1,4}|\d{8}(?:[-_T.]?\d{1,6})?|\d{4}-\d{2}-\d{2}(?:[-_T.]?\d{1,6})?|\d{10}|old|bak)$")
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


def numbered(path: str) -> bool:
    """Whether rotation put a number or a date into the name: ``x.log.1.gz``, ``x-20261121.log``; not ``x.log.bak``."""
    pure = PurePosixPath(path).name.removesuffix(".gz")
    mark = _MARK.search(pure) or _MARK.search(_EXTENSION.sub("", pure))
    return mark is not None and any(c.isdecimal() for c in mark.group())


def compressed(path: str) -> bool:
    return path.endswith(".gz")
