"""Role `store` of many machines: topic events → Elasticsearch, on the partitions that are ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from backbone.ports import Clock
from backbone.signals import Signals
from correlator.storage import Store
from daemon.load import Configuration
from daemon.wiring import Built, far
from daemon.wiring.store import retention


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    await far.prepare_topics(configuration)

    async def work(partition: int, stop: asyncio.Event) -> None:
        async with far.bus(configuration, signals, partition) as bus, far.events(configuration, clock, signals) as events:
            store = Store(bus_events=bus, events=events, clock=clock, signals=signals, retention=retention(configuration))
            await store.run(stop)

    yield {"store": far.owner(configuration, signals, "events", "store", work).run}
