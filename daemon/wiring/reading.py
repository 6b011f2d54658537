"""The stores, for commands that look at them; the rules, for commands that check them."""

import contextlib
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import structlog

from backbone.clock import SystemClock
from backbone.parquet_store import ParquetEvents
from backbone.ports import Bus, EventStore, StateStore
from backbone.signals import MemorySignals
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from daemon import keys
from daemon.load import Configuration


@contextlib.asynccontextmanager
async def reading_state(configuration: Configuration) -> AsyncIterator[StateStore]:
    """The state of incidents and alerts, for a command that looks."""
    if configuration.settings.distributed is not None:
        _quietly()
        from daemon.wiring import far

        with _copies(configuration) as own:
            async with far.view(own, SystemClock(), MemorySignals(), "notify", "command") as view:
                yield view
        return
    state = await SqliteState.open(keys.private_folder(configuration.home) / "state.db", SystemClock())
    try:
        yield state
    finally:
        await state.close()


@contextlib.asynccontextmanager
async def reading_events(configuration: Configuration) -> AsyncIterator[EventStore]:
    """The event store, with what is still in the log, for a command that looks."""
    if configuration.settings.distributed is not None:
        _quietly()
        from daemon.wiring import far

        async with far.events(configuration, SystemClock(), MemorySignals()) as store:
            yield store
        return
    async with reading_segments(configuration) as segments:
        yield segments


@contextlib.asynccontextmanager
async def reading_segments(configuration: Configuration) -> AsyncIterator[ParquetEvents]:
    """The event store of this machine with the log's tail."""
    clock = SystemClock()
    log = await SqliteLog.open(keys.private_folder(configuration.home) / "log.db", clock)
    events = await ParquetEvents.open(configuration.home / "events", clock, log)
    try:
        yield events
    finally:
        await events.close()
        await log.close()


@contextlib.asynccontextmanager
async def reading_log(configuration: Configuration) -> AsyncIterator[Bus]:
    """The durable log of events, for a command that looks."""
    if configuration.settings.distributed is not None:
        _quietly()
        from daemon.wiring import far

        async with far.bus(configuration, MemorySignals()) as bus:
            yield bus
        return
    log = await SqliteLog.open(keys.private_folder(configuration.home) / "log.db", SystemClock())
    try:
        yield log
    finally:
        await log.close()


@contextlib.contextmanager
def _copies(configuration: Configuration) -> Iterator[Configuration]:
    """The same settings with a home of this command's own: a copy of a state belongs to one process."""
    with tempfile.TemporaryDirectory(prefix="vonggac-") as folder:
        yield replace(configuration, home=Path(folder))


def _quietly() -> None:
    """A command's output is its answer: of what the adapters log only warnings are shown, beside it."""
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
