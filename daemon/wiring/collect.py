"""Role `collect`: sources → topic events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from backbone.codec import encode_event
from backbone.ports import Clock
from backbone.signals import Signals
from backbone.sqlite_log import SqliteLog
from collector.loop import Intake
from collector.normalize import Normalizer
from collector.recipe import Profile
from daemon.load import Configuration
from daemon.sources import source_loop
from daemon.wiring import Built
from model import Event, LogSource

TRIM_EVERY = 30.0
"""Seconds between looks at what all readers of the log are done with."""
TRIM_WHEN_FULL = 2.0


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    async with opened_log(configuration, clock) as log:
        yield collecting(configuration, log, clock, signals) | {"trim": Trimming(log, ("correlate", "store"))}


@contextlib.asynccontextmanager
async def opened_log(configuration: Configuration, clock: Clock) -> AsyncIterator[SqliteLog]:
    """The collector's own log."""
    log = await SqliteLog.open(configuration.home / "log.db", clock, reserve=configuration.settings.collector.reserve)
    try:
        yield log
    finally:
        await log.close()


def collecting(
    configuration: Configuration,
    log: SqliteLog,
    clock: Clock,
    signals: Signals,
    encode: Callable[[Event], bytes] = encode_event,
) -> Built:
    """The loops that read sources into ``log``."""
    understanding = Normalizer(profiles(configuration), configuration.systems)
    queue = configuration.settings.collector.queue
    intake = Intake(bus=log, understanding=understanding, signals=signals, clock=clock, queue_bytes=queue, encode=encode)
    loops: Built = {"intake": intake.run}
    for source in configuration.settings.collector.sources:
        loops[f"source {source.name}"] = source_loop(source, configuration, intake, log, clock, signals)
    return loops


class Trimming:
    """The loop that drops what is matched and stored: oftener while the log refuses records, which is its trouble."""

    def __init__(self, log: SqliteLog, readers: tuple[str, ...]) -> None:
        self._log, self._readers = log, readers

    @property
    def trouble(self) -> str:
        return self._log.refusing

    async def __call__(self, stop: asyncio.Event) -> None:
        trimmed = -TRIM_EVERY
        while not stop.is_set():
            now = asyncio.get_running_loop().time()
            if self._log.refusing or now - trimmed >= TRIM_EVERY:
                trimmed = now
                await self._log.trim("events", self._readers)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TRIM_WHEN_FULL)


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
