"""Lines of standard input, until it ends."""

import asyncio
import os
import select
from typing import Final

from backbone.ports import Clock
from collector.framing import Frame, Framer
from collector.sources.source import Batch, Inlet, deliver, new_nonce
from model import RawRecord

_CHUNK: Final = 256 << 10
_LOOK: Final = 0.2  # seconds between looks at ``stop`` while nothing comes


class Stdin:
    """``run`` returns at end of input, with everything durable. ``limit`` is the longest line kept in bytes."""

    def __init__(self, *, name: str, inlet: Inlet, clock: Clock, limit: int = 1 << 20, descriptor: int = 0) -> None:
        self.name = name
        self._inlet = inlet
        self._clock = clock
        self._limit = limit
        self._descriptor = descriptor
        self._nonce = new_nonce()
        self._count = 0

    async def run(self, stop: asyncio.Event) -> None:
        framer = Framer(self._limit, octets=False)
        while not stop.is_set():
            chunk = await asyncio.to_thread(_read, self._descriptor)
            if chunk is None:
                continue
            frames = framer.feed(chunk) if chunk else framer.finish()
            if frames and not await deliver(self._inlet, Batch(self._records(frames)), stop, self.name):
                return
            if not chunk:
                return
        rest = framer.finish()
        if rest:
            await deliver(self._inlet, Batch(self._records(rest)), stop, self.name)

    def _records(self, frames: list[Frame]) -> list[RawRecord]:
        now, first = self._clock.now(), self._count
        self._count += len(frames)
        return [
            RawRecord(self.name, f"{self._nonce}:{n}", frame.data, now, "stdin", frame.tags)
            for n, frame in enumerate(frames, first)
        ]


def _read(descriptor: int) -> bytes | None:
    """What came, ``b""`` at the end, None when nothing came for a moment."""
    ready, _, _ = select.select([descriptor], [], [], _LOOK)
    return os.read(descriptor, _CHUNK) if ready else None
