"""Looks which files there are: patterns with ``*``, ``?``, ``[…]`` and ``**``, and the neighbours of files already known."""

import os
import stat
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Final

from collector.sources.tail_match import Seen
from collector.sources.tail_names import understand

_MOST_LOOKED_AT: Final = 200_000


class Scan:
    """One look. ``problems`` says by path what could not be looked at: ``missing``, ``permission``, ``error``, ``too-many``."""

    def __init__(self, patterns: Iterable[str], most: int) -> None:
        self.problems: dict[str, str] = {}
        self._patterns = patterns
        self._most = most
        self._looked_at = 0

    def look(self, known: Iterable[str]) -> list[Seen]:
        """Files the patterns match, and what rotation made of such or of ``known`` ones; each device and inode once."""
        places: dict[tuple[int, int], Seen] = {}
        for pattern in self._patterns:
            parts = PurePath(pattern).parts
            for path in self._walk("", parts):
                self._see(path, places, wanted=True)
        for path in self._neighbours(known):
            self._see(path, places, wanted=False)
        found = sorted(places.values(), key=lambda s: -s.changed)
        if len(found) > self._most:
            self.problems[found[-1].path] = "too-many"
        return found[: self._most]

    def _see(self, path: str, places: dict[tuple[int, int], Seen], *, wanted: bool) -> None:
        try:
            status = os.stat(path)  # noqa: PTH116  # as above
        except OSError as error:
            if path in self._patterns or not isinstance(error, FileNotFoundError):  # else it went away while we looked
                self._problem(path, error)
            return
        place = (status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode) and place not in places:
            places[place] = Seen(path, *place, status.st_size, status.st_mtime_ns, wanted)

    def _walk(self, folder: str, parts: tuple[str, ...]) -> Iterator[str]:
        part, rest = parts[0], parts[1:]
        if part == "**":
            for entry in self._entries(folder):
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(entry.path, parts)
                elif not rest:
                    yield entry.path
            if rest:
                yield from self._walk(folder, rest)
        elif not is_pattern(part):
            path = os.path.join(folder, part)  # noqa: PTH118  # bytes that are no UTF-8 stay as they are
            if rest:
                yield from self._walk(path, rest)
            else:
                yield path
        else:
            for entry in self._entries(folder):
                if not fnmatchcase(entry.name, part) or (entry.name.startswith(".") and not part.startswith(".")):
                    continue
                if not rest:
                    yield entry.path
                elif entry.is_dir():
                    yield from self._walk(entry.path, rest)

    def _neighbours(self, known: Iterable[str]) -> Iterator[str]:
        folders: dict[str, tuple[set[str], list[str]]] = {}
        for path in known:
            name = understand(path)
            folders.setdefault(name.folder, (set(), []))[0].add(name.stem)
        for pattern in self._patterns:
            folder, stem = os.path.split(pattern)
            if not is_pattern(folder):
                folders.setdefault(folder, (set(), []))[1].append(stem)
        for folder, (stems, patterns) in folders.items():
            for entry in self._entries(folder, quiet=True):
                stem = understand(entry.path).stem
                if stem in stems or any(fnmatchcase(stem, pattern) for pattern in patterns):
                    yield entry.path

    def _entries(self, folder: str, *, quiet: bool = False) -> list[os.DirEntry[str]]:
        if self._looked_at >= _MOST_LOOKED_AT:
            self.problems[folder] = "too-many"
            return []
        try:
            with os.scandir(folder or ".") as entries:
                found = sorted(entries, key=lambda e: e.name)
        except OSError as error:
            if not quiet:
                self._problem(folder, error)
            return []
        self._looked_at += len(found)
        return found

    def _problem(self, path: str, error: OSError) -> None:
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            self.problems[path] = "missing"
        else:
            self.problems[path] = "permission" if isinstance(error, PermissionError) else "error"


def is_pattern(text: str) -> bool:
    """Whether ``text`` may match more than itself."""
    return any(sign in text for sign in "*?[")
