"""Role `correlate`: topic events → rules → topic alerts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from backbone.ports import Bus, Clock, StateStore
from backbone.signals import Signals
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from correlator.loop import Correlate
from correlator.match import Compiled, Matcher
from correlator.windows import Limits
from daemon.load import Configuration
from daemon.rules import load_rules
from daemon.wiring import Built

_log = structlog.get_logger()


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    home = configuration.home
    compiled = await compiled_rules(configuration, signals)
    log = await SqliteLog.open(home / "log.db", clock)
    state = await SqliteState.open(home / "state.db", clock)
    try:
        yield {"correlate": correlating(configuration, compiled, log, state, clock, signals).run}
    finally:
        await state.close()
        await log.close()


async def compiled_rules(configuration: Configuration, signals: Signals) -> Compiled:
    """The rules of the settings, and what was refused, told."""
    compiled = await asyncio.to_thread(load_rules, configuration)
    for refusal in compiled.refused:
        _log.warning("rule refused", problem=str(refusal))
    for odd in compiled.warnings:
        _log.warning("rule warned about", problem=str(odd))
    signals.level("correlator_rules", len(compiled.rules))
    signals.level("correlator_rules_refused", len(compiled.refused))
    signals.level("correlator_rules_warned", len(compiled.warnings))
    return compiled


def correlating(
    configuration: Configuration, compiled: Compiled, bus: Bus, state: StateStore, clock: Clock, signals: Signals
) -> Correlate:
    """The loop over ``bus``."""
    wanted = configuration.settings.correlator
    return Correlate(
        bus_events=bus,
        state=state,
        matcher=Matcher(compiled),
        systems=configuration.systems,
        clock=clock,
        signals=signals,
        lateness=wanted.lateness,
        window=wanted.suppression,
        limits=Limits(groups=wanted.max_groups),
        wall=wanted.silence_by_wall_clock,
    )
