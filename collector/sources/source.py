"""What a source is, and what it hands over."""

import asyncio
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Final, Protocol

import msgspec
import structlog

from model import BackboneError, FullError, RawRecord

Checkpoints = Mapping[str, bytes]
_log = structlog.get_logger()

_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 5.0
_LAST_WAIT: Final = 1.0
_LAST_CHANCE: Final = 3.0


class Batch(msgspec.Struct, frozen=True):
    """Records in order, and the checkpoints that become durable with them."""

    records: Sequence[RawRecord]
    checkpoints: Checkpoints = {}


class Inlet(Protocol):
    """Where sources hand over what they read (``collector.loop.Intake``)."""

    async def take(self, records: Sequence[RawRecord], checkpoints: Checkpoints) -> None:
        """Returns once records and checkpoints are durable. FullError, BackboneError: nothing was stored, try again."""
        ...

    def offer(self, records: Sequence[RawRecord]) -> int:
        """Take what fits now, without waiting; return how many. The rest is dropped and counted."""
        ...


class Source(Protocol):
    """One configured source. ``run`` returns soon after ``stop`` is set, with everything in hand delivered."""

    name: str

    async def run(self, stop: asyncio.Event) -> None: ...


async def deliver(inlet: Inlet, batch: Batch, stop: asyncio.Event, source: str) -> bool:
    """Hand over ``batch``, again and again while there is no room.

    False when ``stop`` is set and it still was not durable three seconds later: said in the log, and the sender or the
    checkpoint still has it.
    """
    wait = _FIRST_WAIT
    while True:
        try:
            if await _take(inlet, batch, stop):
                return True
            error: BackboneError | None = None
        except BackboneError as refused:
            error = refused
            if wait == _FIRST_WAIT:
                reason = "full" if isinstance(error, FullError) else "failed"
                _log.warning("source_waits", source=source, reason=reason, records=len(batch.records), error=str(error))
        if stop.is_set():
            if error is None or wait > _LAST_WAIT:
                _log.error("source_gives_up", source=source, records=len(batch.records), reason="not durable before the stop")
                return False
            await asyncio.sleep(wait)
        else:
            await pause(stop, wait)
        wait = min(wait * 2, _LONGEST_WAIT)


async def _take(inlet: Inlet, batch: Batch, stop: asyncio.Event) -> bool:
    """One ``take``; False when it was not done ``_LAST_CHANCE`` seconds after ``stop`` was set."""
    taking = asyncio.ensure_future(inlet.take(batch.records, batch.checkpoints))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not taking.done():
            await asyncio.wait({taking}, timeout=_LAST_CHANCE)
        if not taking.done():
            return False
        taking.result()
        return True
    finally:
        stopping.cancel()
        taking.cancel()


async def pause(stop: asyncio.Event | None, seconds: float) -> None:
    """Sleep, but no longer than until ``stop`` is set."""
    if stop is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def new_nonce() -> str:
    """Prefix that makes the cursors of one run of one source unique: 16 hex digits."""
    return token_hex(8)
