"""Follows files as they grow, through rotation by rename, by copy and truncate, and by gzip. Every line is stored once.

A line's cursor is ``<file id>:<byte offset>`` of the uncompressed file, the same at every replay. Positions are checkpoints
in the commit of the lines (``tail:<source>`` for files in use, ``tail:<source>:rest`` for the others).

Signals: collector_tail_files{source} and collector_tail_behind{source} (bytes known unread) as levels;
collector_tail_notes{source,kind=found|rotated|truncated}, collector_tail_errors{source,reason}.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

import structlog

from backbone.ports import Clock, Journal
from backbone.signals import Signals
from collector.sources import tail_known
from collector.sources.source import Inlet, deliver, pause
from collector.sources.tail_follow import Follower, Note, Settings, names

_SOONEST: Final = 0.05
_LATEST: Final = 0.25
_SMALL: Final = 500  # records; after less than that others get a moment to write more
_MOMENT: Final = 0.02

_log = structlog.get_logger()


class Tail:
    """Files matching ``patterns`` (``*``, ``?``, ``[…]``, ``**`` for any depth).

    ``start``: where files present at the very first run are begun, ``beginning`` or ``end``; files that appear later are
    always read whole. ``limit``: longest line kept in bytes. ``rescan``: seconds between looks for new names.
    ``partial_timeout``: seconds after which the unfinished last line of a file rotated away is given out (0: never).
    ``linger``: seconds a deleted file is kept open after its last growth. ``most_files``: how many are looked at, newest
    first. ``most_open``: how many are open at once.
    """

    def __init__(
        self,
        *,
        name: str,
        patterns: Sequence[str],
        inlet: Inlet,
        bus: Journal,
        signals: Signals,
        clock: Clock,
        start: Literal["beginning", "end"] = "beginning",
        limit: int = 1 << 20,
        rescan: float = 1.0,
        partial_timeout: float = 5.0,
        linger: float = 300.0,
        most_files: int = 5_000,
        most_open: int = 256,
    ) -> None:
        self.name = name
        self._inlet = inlet
        self._bus = bus
        self._signals = signals
        self._clock = clock
        self._settings = Settings(
            name, tuple(patterns), start == "end", limit, rescan, partial_timeout, linger, most_files, max(1, most_open)
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Read on from the checkpoints until ``stop``. What was read but not yet durable is read again next time."""
        follower = await self._restore()
        loop, wait = asyncio.get_running_loop(), _SOONEST
        with ThreadPoolExecutor(1, f"tail-{self.name}") as thread:
            try:
                while not stop.is_set():
                    batch = await loop.run_in_executor(thread, follower.advance, self._clock.now())
                    self._tell(follower)
                    if (batch.records or batch.checkpoints) and not await deliver(self._inlet, batch, stop, self.name):
                        return
                    if follower.more:
                        wait = _SOONEST
                    elif batch.records:
                        wait = _SOONEST
                        await pause(stop, _MOMENT if len(batch.records) < _SMALL else 0.0)
                    else:
                        await pause(stop, wait)
                        wait = min(wait * 1.5, _LATEST)
            finally:
                await asyncio.shield(loop.run_in_executor(thread, follower.close))

    async def _restore(self) -> Follower:
        tables = [(name, await self._bus.checkpoint(name)) for name in reversed(names(self.name))]
        known = tail_known.merge(tail_known.decode(name, table) for name, table in tables)
        first = all(table is None for _, table in tables)
        since = [at for name, table in tables if (at := tail_known.first_look(name, table)) is not None]
        return Follower(self._settings, known, first_run=first, since=min(since, default=None))

    def _tell(self, follower: Follower) -> None:
        self._signals.level("collector_tail_files", follower.files, source=self.name)
        self._signals.level("collector_tail_behind", follower.behind, source=self.name)
        notes, follower.notes = follower.notes, []
        for note in notes:
            self._say(note)

    def _say(self, note: Note) -> None:
        if note.kind == "problem":
            reason = note.detail.split(":")[0]
            self._signals.count("collector_tail_errors", source=self.name, reason=reason)
            hint = _HINTS.get(reason, "tried again at every look")
            _log.warning("file_not_read", source=self.name, path=note.path, reason=note.detail, hint=hint)
        elif note.kind == "solved":
            _log.info("file_read_again", source=self.name, path=note.path)
        else:
            self._signals.count("collector_tail_notes", source=self.name, kind=note.kind)
            _log.info(f"file_{note.kind}", source=self.name, path=note.path, detail=note.detail)


_HINTS: Final = {
    "missing": "does not exist yet; looked for at every look",
    "permission": "let this user read it (group adm, or an ACL); tried again at every look",
    "damaged": "not a valid gzip file; tried again when it changes",
    "too-many": "more files than most_files match; make the patterns narrower",
}
