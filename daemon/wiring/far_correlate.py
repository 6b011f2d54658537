"""Role `correlate` of many machines: topic events → rules → topic alerts, on the partitions that are ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from backbone.ports import Clock
from backbone.signals import Signals
from daemon.load import Configuration
from daemon.wiring import Built, far
from daemon.wiring.correlate import compiled_rules, correlating


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    compiled = await compiled_rules(configuration, signals)
    await far.prepare_topics(configuration)

    async def work(partition: int, stop: asyncio.Event) -> None:
        async with (
            far.bus(configuration, signals, partition) as bus,
            far.state(configuration, clock, signals, "correlate", partition) as state,
        ):
            await correlating(configuration, compiled, bus, state, clock, signals).run(stop)

    yield {"correlate": far.owner(configuration, signals, "events", "correlate", work).run}
