"""The few figures at the head of the console's page, sampled once a second."""

import asyncio
import contextlib
from collections import deque
from typing import Any

from backbone.codec import decode_delivery
from backbone.ports import Bus, Clock, StateStore
from daemon import health
from model.moment import SECOND

SPAN = 10
"""Seconds the rate of events is averaged over."""


class Figures:
    """Events a second, deliveries that wait, problems of roles."""

    def __init__(self, bus: Bus, state: StateStore, clock: Clock, look: Any) -> None:
        self._bus, self._state, self._clock, self._look = bus, state, clock, look
        self._samples: deque[tuple[int, int]] = deque(maxlen=SPAN + 1)
        self._now: dict[str, Any] = {"events_per_second": 0.0, "waiting": 0, "oldest_waiting": 0, "problems": []}

    def now(self) -> dict[str, Any]:
        """The newest sample."""
        return self._now

    async def run(self, stop: asyncio.Event) -> None:
        """Sample until ``stop``."""
        while not stop.is_set():
            await self._sample()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)

    async def _sample(self) -> None:
        at = self._clock.now()
        self._samples.append((at, await self._bus.end("events")))
        (first_at, first), (last_at, last) = self._samples[0], self._samples[-1]
        seconds = (last_at - first_at) / SECOND
        waiting = [d for e in await self._state.newest("outbox", limit=500) if (d := decode_delivery(e.value)).state == "waiting"]
        oldest = min((d.due_at for d in waiting), default=at)
        seen: health.Health = self._look()
        self._now = {
            "events_per_second": (last - first) / seconds if seconds else 0.0,
            "events": last,
            "waiting": len(waiting),
            "oldest_waiting": max(0, at - oldest) // SECOND,
            "problems": list(seen.problems),
        }
