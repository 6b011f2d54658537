"""Role `correlate`: topic events → rules → topic alerts; topic events → event store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from backbone.parquet_store import ParquetEvents
from backbone.ports import Clock
from backbone.signals import Signals
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from correlator.arrivals import Arrivals
from correlator.loop import Correlate
from correlator.match import Matcher
from correlator.storage import Store
from correlator.windows import Limits
from daemon.load import Configuration
from daemon.rules import load_rules
from daemon.wiring import Built
from model import Micros

_log = structlog.get_logger()


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    home, wanted = configuration.home, configuration.settings
    compiled = await asyncio.to_thread(load_rules, configuration)
    for refusal in compiled.refused:
        _log.warning("rule refused", problem=str(refusal))
    for odd in compiled.warnings:
        _log.warning("rule warned about", problem=str(odd))
    signals.level("correlator_rules", len(compiled.rules))
    signals.level("correlator_rules_refused", len(compiled.refused))
    signals.level("correlator_rules_warned", len(compiled.warnings))
    log = await SqliteLog.open(home / "log.db", clock)
    state = await SqliteState.open(home / "state.db", clock)
    events = await ParquetEvents.open(
        home / "events", clock, segment_events=wanted.store.segment_events, segment_age=wanted.store.segment_age
    )
    arrivals = Arrivals(log)
    try:
        correlate = Correlate(
            bus_events=log,
            arrivals=arrivals,
            state=state,
            matcher=Matcher(compiled),
            systems=configuration.systems,
            clock=clock,
            signals=signals,
            lateness=wanted.correlator.lateness,
            window=wanted.correlator.suppression,
            limits=Limits(groups=wanted.correlator.max_groups),
            wall=wanted.correlator.silence_by_wall_clock,
        )
        store = Store(
            bus_events=log,
            events=events,
            clock=clock,
            signals=signals,
            retention=_retention(configuration),
            arrivals=arrivals,
        )
        yield {"correlate": correlate.run, "store": store.run}
    finally:
        await events.close()
        await state.close()
        await log.close()


def _retention(configuration: Configuration) -> dict[str, Micros]:
    keep = configuration.settings.store.keep
    other = configuration.settings.store.keep_other
    return {"": other} | {s.code: keep.get(s.level, other) for s in configuration.systems}
