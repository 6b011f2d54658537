"""The stores, for commands that look at them; the rules, for commands that check them."""

import contextlib
from collections.abc import AsyncIterator

from backbone.clock import SystemClock
from backbone.parquet_store import ParquetEvents
from backbone.ports import StateStore
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from daemon import keys
from daemon.load import Configuration


@contextlib.asynccontextmanager
async def reading_state(configuration: Configuration) -> AsyncIterator[StateStore]:
    """The state store, for a command that looks."""
    state = await SqliteState.open(keys.private_folder(configuration.home) / "state.db", SystemClock())
    try:
        yield state
    finally:
        await state.close()


@contextlib.asynccontextmanager
async def reading_events(configuration: Configuration) -> AsyncIterator[ParquetEvents]:
    """The event store with the log's tail, for a command that looks."""
    clock = SystemClock()
    log = await SqliteLog.open(keys.private_folder(configuration.home) / "log.db", clock)
    events = await ParquetEvents.open(configuration.home / "events", clock, log)
    try:
        yield events
    finally:
        await events.close()
        await log.close()


@contextlib.asynccontextmanager
async def reading_log(configuration: Configuration) -> AsyncIterator[SqliteLog]:
    """The durable log of events, for a command that looks."""
    log = await SqliteLog.open(keys.private_folder(configuration.home) / "log.db", SystemClock())
    try:
        yield log
    finally:
        await log.close()
