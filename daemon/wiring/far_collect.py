"""Role `collect` of many machines: sources → the collector's own log → topic events on Kafka.

The log is the spool: while Kafka is away it takes what comes, up to what its disk leaves to it, and then senders wait.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from backbone.codec import encode
from backbone.ports import Clock
from backbone.signals import Signals
from backbone.sqlite_log import SqliteLog
from collector.forward import GROUP, Forward, identity
from daemon.load import Configuration
from daemon.loops import Loop
from daemon.wiring import Built, far
from daemon.wiring.collect import Trimming, collecting, opened_log


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    async with opened_log(configuration, clock) as log:
        # JSON, so that any tool of Kafka's reads it.
        loops = collecting(configuration, log, clock, signals, encode)
        yield loops | {"trim": Trimming(log, (GROUP,)), "forward": _forward(configuration, log, clock, signals)}


def _forward(configuration: Configuration, log: SqliteLog, clock: Clock, signals: Signals) -> Loop:
    async def run(stop: asyncio.Event) -> None:
        topic = f"forward.{await identity(log)}"
        await far.prepare_topics(configuration, topic)
        async with far.state(configuration, clock, signals, topic) as state:
            await Forward(journal=log, state=state, clock=clock, signals=signals).run(stop)

    return run
