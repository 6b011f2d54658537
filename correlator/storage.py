"""Topic ``events`` → event store. The store remembers how far it is; the log keeps what the store has not made durable."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

import structlog

from backbone.ports import Bus, Clock, EventStore, Stored
from backbone.signals import Signals
from correlator import arrivals as incoming
from correlator.arrivals import TOPIC, Arrival
from model import CorruptError, FullError, Micros
from model.moment import DAY

GROUP: Final = "store"
MONTH: Final[Micros] = 31 * DAY

T = TypeVar("T")
_log = structlog.get_logger()


def keep_for(level: int) -> Micros:
    """How long events of a system of ``level`` 1–5 are kept: 1, 1, 3, 6, 12 months (TCVN 14423:2026; level 1 asks for none)."""
    return {1: 1, 2: 1, 3: 3, 4: 6, 5: 12}.get(level, 12 if level > 5 else 1) * MONTH


class Store:
    """Reads events, writes them to the store, drops those past their time.

    ``retention`` maps a system's code to how long its events are kept (µs); ``""`` is the default, one month when absent.
    Seconds: ``wait`` for new events, ``flush_after`` at which taken events are made durable, ``expire_every``, ``retry`` when
    full. ``batch`` records are read at once.
    """

    def __init__(
        self,
        *,
        bus_events: Bus,
        events: EventStore,
        clock: Clock,
        signals: Signals,
        retention: Mapping[str, Micros] | None = None,
        batch: int = 1_000,
        wait: float = 0.2,
        flush_after: float = 10.0,
        expire_every: float = 86_400.0,
        retry: float = 1.0,
    ) -> None:
        self._bus, self._events, self._clock, self._signals = bus_events, events, clock, signals
        self._retention = {"": MONTH, **(retention or {})}
        self._batch, self._wait = batch, wait
        self._retry = retry
        self._flush_after, self._expire_every = flush_after, expire_every
        self._full = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``, then make everything taken durable. CorruptError when log and store do not belong together."""
        if not await self._start(stop):
            return
        while not stop.is_set():
            arrivals = await incoming.read(self._bus, self._taken, self._batch, self._wait)
            if arrivals and not await self._take(arrivals, stop):
                break
            await self._care(stop)
        await self._flush(stop)

    async def _start(self, stop: asyncio.Event) -> bool:
        time = asyncio.get_running_loop().time
        # What an earlier run left in the store's hands must not be taken twice.
        if await self._insist(self._events.flush, stop) is None:
            return False
        resume = await self._events.resume()
        self._durable = self._said = self._taken = await self._bus.position(GROUP, TOPIC) if resume is None else resume
        end = await self._bus.end(TOPIC)
        if self._taken > end:
            raise CorruptError(
                f"The event store is at event {self._taken}, the log of events ends at {end}: they do not belong together; "
                "restore both from the same backup, or move the store away."
            )
        self._flushed_at = time()
        self._expired_at = self._looked_at = -self._expire_every
        _log.info("store_started", offset=self._taken, behind=end - self._taken)
        return True

    async def _take(self, arrivals: Sequence[Arrival], stop: asyncio.Event) -> bool:
        """Write ``arrivals``; False when stopped while there was no room: they are read again at the next start."""
        began = asyncio.get_running_loop().time()
        stored = self._stored(arrivals)
        if stored:
            durable = await self._insist(lambda: self._events.write(stored), stop)
            if durable is None:
                return False
            await self._advance(durable)
        self._taken = arrivals[-1].offset
        self._signals.count("store_events", len(stored))
        self._signals.took("store_batch", asyncio.get_running_loop().time() - began)
        return True

    def _stored(self, arrivals: Sequence[Arrival]) -> list[Stored]:
        for arrival in arrivals:
            if arrival.event is None:
                # The correlator writes it to the dead letters.
                self._signals.count("store_refused")
                _log.warning("store_refused", offset=arrival.offset, reason=arrival.problem[:200])
        return [Stored(a.event, a.offset, a.appended_at) for a in arrivals if a.event is not None]

    async def _care(self, stop: asyncio.Event) -> None:
        """Once a second at most: flush by age, expire, say how far behind we are."""
        at = asyncio.get_running_loop().time()
        if at - self._looked_at < min(1.0, self._flush_after):
            return
        self._looked_at = at
        if self._durable >= self._taken:
            self._flushed_at = at
        elif at - self._flushed_at >= self._flush_after:
            await self._flush(stop)
        if at - self._expired_at >= self._expire_every:
            self._expired_at = at
            await self._expire()
        self._signals.level("store_lag", max(0, await self._bus.end(TOPIC) - self._taken))

    async def _flush(self, stop: asyncio.Event) -> None:
        durable = await self._insist(self._events.flush, stop)
        self._flushed_at = asyncio.get_running_loop().time()
        if durable is not None:
            await self._advance(durable)

    async def _advance(self, durable: int) -> None:
        self._durable = max(self._durable, durable)
        if self._durable > self._said:
            self._said = self._durable
            await self._bus.commit(GROUP, TOPIC, self._durable)

    async def _expire(self) -> None:
        now = self._clock.now()
        dropped = await self._events.expire({system: now - kept for system, kept in self._retention.items()})
        if dropped:
            self._signals.count("store_expired", dropped)
            _log.info("store_expired", events=dropped)

    async def _make_room(self) -> None:
        try:
            await self._expire()
        except FullError as error:
            _log.warning("store_cannot_expire", error=str(error))

    async def _insist(self, attempt: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
        """The answer of ``attempt``, made again while there is no room; None when stopped first."""
        while True:
            try:
                answer = await attempt()
            except FullError as error:
                if not self._full:
                    _log.error("store_full", error=str(error))
                self._full = True
                self._signals.level("store_full", 1)
                if stop.is_set():
                    return None
                await self._make_room()
                await asyncio.sleep(self._retry)
                continue
            if self._full:
                _log.info("store_has_room")
            self._full = False
            self._signals.level("store_full", 0)
            return answer
