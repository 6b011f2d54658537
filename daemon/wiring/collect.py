"""Role `collect`: sources → topic events."""

import contextlib
from collections.abc import AsyncIterator

from backbone.ports import Clock
from backbone.signals import Signals
from backbone.sqlite_log import SqliteLog
from collector.loop import Intake
from collector.normalize import Normalizer
from collector.recipe import Profile
from daemon.load import Configuration
from daemon.loops import every
from daemon.sources import source_loop
from daemon.wiring import Built
from model import LogSource

TRIM_EVERY = 30.0
"""Seconds between looks at what all readers of the log are done with."""


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    log = await SqliteLog.open(configuration.home / "log.db", clock)
    try:
        understanding = Normalizer(profiles(configuration), configuration.systems)
        queue = configuration.settings.collector.queue
        intake = Intake(bus=log, understanding=understanding, signals=signals, clock=clock, queue_bytes=queue)
        loops: Built = {"intake": intake.run}
        for source in configuration.settings.collector.sources:
            loops[f"source {source.name}"] = source_loop(source, configuration, intake, log, clock, signals)
        loops["trim"] = every(TRIM_EVERY, lambda: log.trim("events", ("correlate", "store")))
        yield loops
    finally:
        await log.close()


def profiles(configuration: Configuration) -> dict[str, Profile]:
    """How the records of each source are to be read."""
    made = {}
    for source in configuration.settings.collector.sources:
        given = source.logsource
        logsource = LogSource(given.product, tuple(given.categories), given.service) if given else None
        made[source.name] = Profile(
            source=source.name,
            format=source.format,
            zone=source.zone,
            encoding=source.encoding,
            system=source.system,
            logsource=logsource,
            host=source.host,
        )
    return made
