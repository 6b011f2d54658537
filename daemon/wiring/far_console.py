"""Role `console` of many machines: the page over Kafka's states and Elasticsearch."""

import contextlib
from collections.abc import AsyncIterator

from backbone.ports import Clock
from backbone.signals import Signals
from daemon.load import Configuration
from daemon.wiring import Built, far
from daemon.wiring.console import watching


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    await far.prepare_topics(configuration)
    async with (
        far.bus(configuration, signals) as bus,
        far.view(configuration, clock, signals, "notify", "console") as state,
        far.events(configuration, clock, signals) as events,
    ):
        yield watching(configuration, bus, state, events, clock)
