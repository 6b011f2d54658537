"""Room on the disk that the log of events leaves to the rest of the house, so that what waits in it can always be stored.

Appends end while there is room left to match, store and trim; then all that was accepted drains by itself. What is kept free
is a fixed part and ``WEIGHT`` bytes for each byte that waits in the log. Why: ``docs/decisions/log.md``.
"""

import os
import time
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from model import BackboneError, FullError

WANTED: Final = 512 << 20
SHARE: Final = 10
"""The fixed part is never more than one part in so many of the disk."""
WEIGHT: Final = 4
"""Bytes kept free for each byte of the log: what becomes of it in the event store, old and merged, and in alerts."""
_LOOK: Final = 0.25
"""Seconds one look at the disk is good for; what is appended meanwhile is counted."""
_PAGE: Final = 4096
_VACUUM: Final = 16 << 20


def reserve_of(disk: int, wanted: int = WANTED) -> int:
    """Bytes kept free on a disk of ``disk`` bytes."""
    return min(wanted, disk // SHARE)


class Reserve:
    """Of one SQLite file. ``refusing`` says why appends are refused, empty while they are not. Belongs to the file's writer."""

    def __init__(self, path: Path, wanted: int = WANTED) -> None:
        self._path, self._wanted = path, wanted
        self._kept = self._left = self._free = self._live = self._spare = 0
        self._looked = float("-inf")
        self.refusing = ""

    def admit(self, connection: Connection, size: int) -> None:
        """FullError when ``size`` bytes more would leave too little room."""
        cost = (size + _PAGE) * (1 + WEIGHT)
        if self.refusing or cost > self._left or time.monotonic() - self._looked >= _LOOK:
            self.look(connection, cost)
        if cost > self._left:
            self.refusing = self._why()
        if self.refusing:
            raise FullError(self.refusing)
        self._left -= cost

    def look(self, connection: Connection, cost: int = 0) -> None:
        """Measure the room. It takes half the reserve more to end a refusal, so that a little room does not for a moment."""
        try:
            disk, size = os.statvfs(self._path.parent), self._path.stat().st_size
        except OSError as error:
            raise BackboneError(f"{self._path} cannot be looked at ({error.strerror}); look at the disk.") from error
        page, pages, spare = (_pragma(connection, name) for name in ("page_size", "page_count", "freelist_count"))
        self._free, self._kept = disk.f_bavail * disk.f_frsize, reserve_of(disk.f_blocks * disk.f_frsize, self._wanted)
        self._live, self._spare = (pages - spare) * page, spare * page
        # Pages that are only in the write-ahead log have no place in the file yet.
        unwritten = max(0, pages * page - size)
        self._left = self._free - unwritten - self._kept - WEIGHT * self._live
        self._looked = time.monotonic()
        if self.refusing:
            self.refusing = "" if self._left >= cost + self._kept // 2 else self._why()

    def wants_pages_back(self) -> bool:
        """Whether rewriting the file frees much for little: nearly empty, and room is short."""
        small = self._live <= min(_VACUUM, self._kept // 4)
        return bool(self.refusing) and small and self._spare >= max(self._kept // 8, self._live)

    def _why(self) -> str:
        needed = self._free - self._left + self._kept // 2
        return (
            f"No room for {self._path}: {self._free >> 20} MiB of the disk are free, and {needed >> 20} MiB must be while what"
            " waits is stored; it goes on by itself if that makes room, else free disk space or shorten store.keep."
            " Nothing was stored."
        )


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
