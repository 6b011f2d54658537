"""Role `correlate`: topic events → rules → topic alerts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from backbone.ports import Clock
from backbone.signals import Signals
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from correlator.loop import Correlate
from correlator.match import Matcher
from correlator.windows import Limits
from daemon.load import Configuration
from daemon.rules import load_rules
from daemon.wiring import Built

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
    try:
        correlate = Correlate(
            bus_events=log,
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
        yield {"correlate": correlate.run}
    finally:
        await state.close()
        await log.close()
