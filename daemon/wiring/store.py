"""Role `store`: topic events → event store."""

import contextlib
from collections.abc import AsyncIterator

from backbone.parquet_store import ParquetEvents
from backbone.ports import Clock
from backbone.signals import Signals
from backbone.sqlite_log import SqliteLog
from correlator.storage import Store
from daemon.load import Configuration
from daemon.wiring import Built
from model import Micros


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    home, wanted = configuration.home, configuration.settings.store
    log = await SqliteLog.open(home / "log.db", clock)
    try:
        events = await ParquetEvents.open(
            home / "events", clock, segment_events=wanted.segment_events, segment_age=wanted.segment_age
        )
        try:
            store = Store(bus_events=log, events=events, clock=clock, signals=signals, retention=retention(configuration))
            yield {"store": store.run}
        finally:
            await events.close()
    finally:
        await log.close()


def retention(configuration: Configuration) -> dict[str, Micros]:
    """How long events are kept, by code of their system; "" for all others."""
    keep = configuration.settings.store.keep
    other = configuration.settings.store.keep_other
    return {"": other} | {s.code: keep.get(s.level, other) for s in configuration.systems}
