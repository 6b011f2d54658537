"""Role `notify` of many machines: topic alerts → incidents → national API, in the one process that owns it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from backbone.ports import Clock
from backbone.signals import Signals
from daemon.load import Configuration
from daemon.loops import Loop
from daemon.wiring import Built, far
from daemon.wiring.notify import notifying


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    await far.prepare_topics(configuration)

    async def work(partition: int, stop: asyncio.Event) -> None:
        async with (
            far.bus(configuration, signals, partition) as bus,
            far.state(configuration, clock, signals, "notify", partition) as state,
            notifying(configuration, bus, state, clock, signals) as loops,
            asyncio.TaskGroup() as group,
        ):
            for name, loop in loops.items():
                group.create_task(_run(loop, stop), name=name)

    yield {"notify": far.owner(configuration, signals, "alerts", "notify", work).run}


async def _run(loop: Loop, stop: asyncio.Event) -> None:
    await loop(stop)
