"""The collector's own log → the house's topic ``events``, each record once.

The log on the machine is the spool: sources are acknowledged by it, so nothing waits for what is away. The records and how far
the log is forwarded are one commit of the other side, under an id the log was given at its first start: after a crash anywhere it
goes on behind the last record that is there.
"""

import asyncio
import base64
import contextlib
import random
import uuid
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from backbone.ports import Clock, Commit, Journal, Put, Record, StateStore
from backbone.signals import Signals
from model import BackboneError, ConflictError, CorruptError
from model.moment import SECOND, to_rfc3339

GROUP: Final = "forward"
TOPIC: Final = "events"
SPACE: Final = "forward"
IDENTITY: Final = "forward:id"
"""Checkpoint of the log that names it."""
LONGEST: Final = 7 << 20
"""Bytes of a record that is taken on, below what the topics take; of a longer one the beginning goes to the dead letters."""
KEPT: Final = 256 << 10
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0

_log = structlog.get_logger()


class Forward:
    """Reads ``journal``, commits to ``state``. ``batch`` in records, ``wait`` in seconds for the first of a batch."""

    def __init__(
        self,
        *,
        journal: Journal,
        state: StateStore,
        clock: Clock,
        signals: Signals,
        batch: int = 5_000,
        wait: float = 0.2,
        first_wait: float = FIRST_WAIT,
        longest: int = LONGEST,
    ) -> None:
        self._journal, self._state, self._clock, self._signals = journal, state, clock, signals
        self._batch, self._wait, self._first_wait, self._longest = batch, wait, first_wait, longest

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``. CorruptError when the log is shorter than what was forwarded of it."""
        name = await identity(self._journal)
        place = await self._place(name, stop)
        while place is not None and not stop.is_set():
            records = await self._journal.read(TOPIC, place.offset, self._batch, self._wait)
            if records:
                place = await self._take(name, place, records, stop)
            if place is not None:
                self._tell_lag(records, await self._journal.end(TOPIC) - place.offset)

    async def _place(self, name: str, stop: asyncio.Event) -> "_Place | None":
        """How far the other side has this log; None when stopped while it was away."""
        patience = _Patience(self._signals, self._first_wait)
        while not stop.is_set():
            try:
                entry = await self._state.get(SPACE, name)
            except CorruptError:
                raise
            except BackboneError as error:
                await patience.rest(error, stop)
                continue
            patience.over()
            place = _Place(int(entry.value), entry.version) if entry else _Place(0, 0)
            end = await self._journal.end(TOPIC)
            if place.offset > end:
                raise CorruptError(
                    f"{place.offset} records of this collector's log were forwarded, but it ends at {end}: it was restored from "
                    "an older copy; move it away, and its sources are read again from where they were."
                )
            return place
        return None

    async def _take(self, name: str, place: "_Place", records: Sequence[Record], stop: asyncio.Event) -> "_Place | None":
        """Commit, however long the other side is away; None when stopped first: the records are read again."""
        patience = _Patience(self._signals, self._first_wait)
        commit, last = self._commit_of(name, place, records), records[-1].offset
        while not stop.is_set():
            try:
                await self._state.commit(commit)
            except CorruptError:
                raise
            except BackboneError as error:
                # It may have been taken all the same: the answer was lost, not the records.
                if not isinstance(error, ConflictError):
                    await patience.rest(error, stop)
                found = await self._place(name, stop)
                if found is None or found == place:
                    continue
                if found.offset != last:
                    raise BackboneError(
                        f"Somebody else forwards this collector's log (it is at {found.offset}, we were at {place.offset}): "
                        "run one collector for each data folder."
                    ) from error
            patience.over()
            await self._journal.commit(GROUP, TOPIC, last)
            self._signals.count("forward_records", len(records))
            return _Place(last, place.version + 1)
        return None

    def _commit_of(self, name: str, place: "_Place", records: Sequence[Record]) -> Commit:
        appends = [(TOPIC, record.key, record.value) for record in records if len(record.value) <= self._longest]
        if len(appends) < len(records):
            appends += [self._letter(name, record) for record in records if len(record.value) > self._longest]
        position = Put(SPACE, name, str(records[-1].offset).encode(), self._clock.now(), expect=place.version)
        return Commit(puts=(position,), appends=tuple(appends))

    def _letter(self, name: str, record: Record) -> tuple[str, str, bytes]:
        reason = f"longer than the {self._longest} bytes a record may have: {len(record.value)}; its beginning is kept"
        self._signals.count("forward_dead_letters")
        _log.error("record_too_long", offset=record.offset, source=record.key, bytes=len(record.value))
        letter = {
            "topic": TOPIC,
            "offset": record.offset,
            "key": record.key,
            "reason": reason,
            "at": to_rfc3339(self._clock.now()),
            "value": base64.b64encode(record.value[:KEPT]).decode("ascii"),
        }
        return "dead-letters", f"{name}/{record.offset}", msgspec.json.encode(letter)

    def _tell_lag(self, records: Sequence[Record], behind: int) -> None:
        late = (self._clock.now() - records[-1].appended_at) / SECOND if records and behind > 0 else 0.0
        self._signals.level("forward_lag", max(0, behind))
        self._signals.level("forward_delay", max(0.0, late))


async def identity(journal: Journal) -> str:
    """The id of a log, given to it at the first call."""
    kept = await journal.checkpoint(IDENTITY)
    if kept is None:
        kept = uuid.uuid4().hex.encode()
        await journal.append(TOPIC, (), {IDENTITY: kept})
    return kept.decode()


class _Place(msgspec.Struct, frozen=True):
    """Where forwarding is, and the version of the entry that says so."""

    offset: int
    version: int


class _Patience:
    """Waits longer each time, says so once an outage."""

    def __init__(self, signals: Signals, wait: float) -> None:
        self._signals, self._wait, self._away = signals, wait, False

    async def rest(self, error: BackboneError, stop: asyncio.Event) -> None:
        if not self._away:
            _log.error("forward_waits", error=str(error))
        self._away = True
        self._signals.count("forward_retries")
        self._signals.level("forward_away", 1)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), self._wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
        self._wait = min(self._wait * 2, LONGEST_WAIT)

    def over(self) -> None:
        if self._away:
            _log.info("forward_goes_on")
        self._signals.level("forward_away", 0)
