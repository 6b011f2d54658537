"""Role `console`: page, JSON API, health, metrics."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from backbone.parquet_store import ParquetEvents
from backbone.ports import Bus, Clock, EventStore, StateStore
from backbone.signals import Signals
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from console.app import Console
from daemon import health, keys
from daemon.figures import Figures
from daemon.load import Configuration
from daemon.running import roles
from daemon.telemetry import exposition
from daemon.units import split_address
from daemon.wiring import Built


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    home = configuration.home
    log = await SqliteLog.open(home / "log.db", clock)
    state = await SqliteState.open(home / "state.db", clock)
    events = await ParquetEvents.open(home / "events", clock, log)
    try:
        yield watching(configuration, log, state, events, clock)
    finally:
        await events.close()
        await state.close()
        await log.close()


def watching(configuration: Configuration, bus: Bus, state: StateStore, events: EventStore, clock: Clock) -> Built:
    """The loops of the page."""
    home = configuration.home

    def look() -> health.Health:
        return health.read(home / "run/health", roles(configuration), clock.now())

    def healthy() -> tuple[bool, bool, dict[str, Any]]:
        seen = look()
        alive = all("has not been heard" not in p and "restarting" not in p for p in seen.problems)
        return alive, seen.ready, {"ready": seen.ready, "problems": list(seen.problems)}

    figures = Figures(bus, state, clock, look)
    host, port = split_address(configuration.settings.console.listen)
    console = Console(
        state=state,
        events=events,
        clock=clock,
        token_digest=keys.token(home / "keys", "console").digest,
        health=healthy,
        metrics=exposition,
        overview=figures.now,
        host=host,
        port=port,
    )
    return {"console": console.run, "figures": figures.run}
