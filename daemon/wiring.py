"""Builds the house: the only place that names concrete adapters and puts rooms together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import structlog

from backbone.clock import SystemClock
from backbone.parquet_store import ParquetEvents
from backbone.ports import Clock, EventStore, StateStore
from backbone.signals import Signals
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from collector.loop import Intake
from collector.normalize import Normalizer
from collector.recipe import Profile
from console.app import Console
from correlator.cache import load_or_compile
from correlator.loop import Correlate
from correlator.match import Compiled, Matcher
from correlator.storage import Store
from correlator.windows import Limits
from daemon import health, keys
from daemon.figures import Figures
from daemon.load import Configuration
from daemon.loops import Loop
from daemon.options import default_config
from daemon.running import roles
from daemon.sources import source_loop
from daemon.telemetry import exposition
from daemon.units import split_address
from model import LogSource, Micros, Problem, ProblemsError
from national.app import create_app, serve
from national.auth import Organisation
from notifier.delivery import Deliver
from notifier.grouping import Grouping
from notifier.legal import Legal, parse
from notifier.loop import Notify
from notifier.sinks.national_api import NationalApi

Loops = Mapping[str, Loop]
TRIM_EVERY = 30.0
_log = structlog.get_logger()


@contextlib.asynccontextmanager
async def built(role: str, configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Loops]:
    """The loops of a role, with their adapters open inside."""
    build = {"collect": _collect, "correlate": _correlate, "notify": _notify, "console": _console, "national": _national}[role]
    async with build(configuration, clock, signals) as loops:
        yield loops


@contextlib.asynccontextmanager
async def reading_state(configuration: Configuration) -> AsyncIterator[StateStore]:
    """The state store, for a command that looks."""
    state = await SqliteState.open(keys.private_folder(configuration.home) / "state.db", SystemClock())
    try:
        yield state
    finally:
        await state.close()


@contextlib.asynccontextmanager
async def reading_events(configuration: Configuration) -> AsyncIterator[EventStore]:
    """The event store with the log's tail, for a command that looks."""
    clock = SystemClock()
    log = await SqliteLog.open(keys.private_folder(configuration.home) / "log.db", clock)
    events = await ParquetEvents.open(configuration.home / "events", clock, log)
    try:
        yield events
    finally:
        await events.close()
        await log.close()


def load_rules(configuration: Configuration) -> Compiled:
    """The compiled rules of this configuration, from the cache when nothing changed."""
    return load_or_compile(
        configuration.rule_paths, configuration.home / "rules", placeholders=configuration.settings.rules.placeholders
    )


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


@contextlib.asynccontextmanager
async def _collect(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Loops]:
    log = await SqliteLog.open(configuration.home / "log.db", clock)
    try:
        understanding = Normalizer(profiles(configuration), configuration.systems)
        queue = configuration.settings.collector.queue
        intake = Intake(bus=log, understanding=understanding, signals=signals, clock=clock, queue_bytes=queue)
        loops: dict[str, Loop] = {"intake": intake.run}
        for source in configuration.settings.collector.sources:
            loops[f"source {source.name}"] = source_loop(source, configuration, intake, log, clock, signals)
        loops["trim"] = _every(TRIM_EVERY, lambda: log.trim("events", ("correlate", "store")))
        yield loops
    finally:
        await log.close()


@contextlib.asynccontextmanager
async def _correlate(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Loops]:
    home, wanted = configuration.home, configuration.settings
    compiled = await asyncio.to_thread(load_rules, configuration)
    for refusal in compiled.refused:
        _log.warning("rule refused", problem=str(refusal))
    signals.level("correlator_rules", len(compiled.rules))
    signals.level("correlator_rules_refused", len(compiled.refused))
    log = await SqliteLog.open(home / "log.db", clock)
    state = await SqliteState.open(home / "state.db", clock)
    events = await ParquetEvents.open(
        home / "events", clock, segment_events=wanted.store.segment_events, segment_age=wanted.store.segment_age
    )
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
        store = Store(bus_events=log, events=events, clock=clock, signals=signals, retention=_retention(configuration))
        yield {"correlate": correlate.run, "store": store.run}
    finally:
        await events.close()
        await state.close()
        await log.close()


def _retention(configuration: Configuration) -> dict[str, Micros]:
    keep = configuration.settings.store.keep
    other = configuration.settings.store.keep_other
    return {"": other} | {s.code: keep.get(s.level, other) for s in configuration.systems}


@contextlib.asynccontextmanager
async def _notify(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Loops]:
    wanted = configuration.settings.notifier
    legal = _legal(configuration)
    state = await SqliteState.open(configuration.home / "state.db", clock)
    client = wanted.national.key_file
    key = keys.read_token(configuration.path(client) if client else configuration.home / "keys/national-client.key")
    sink = NationalApi(url=wanted.national.url, key=key.reveal())
    grouping = Grouping(
        legal=legal,
        systems=configuration.systems,
        window=wanted.window,
        minimum=wanted.minimum,
        unlinkable=wanted.unlinkable,
    )
    try:
        notify = Notify(bus=state.bus, state=state, grouping=grouping, clock=clock, signals=signals)
        deliver = Deliver(
            state=state,
            sink=sink,
            clock=clock,
            signals=signals,
            profile=wanted.legal,
            systems=configuration.systems,
            interval=wanted.national.min_interval,
        )
        trim = _every(TRIM_EVERY, lambda: state.bus.trim("alerts", ("notify",)))
        yield {"notify": notify.run, "deliver": deliver.run, "trim": trim}
    finally:
        await sink.close()
        await state.close()


def _legal(configuration: Configuration) -> Legal:
    name = configuration.settings.notifier.legal
    folder = configuration.folder / "legal"
    if not folder.is_dir():
        folder = default_config().resolve().parent / "legal"
    file = folder / f"{name}.yml"
    try:
        return parse(file.read_text("utf-8"), str(file))
    except OSError:
        known = ", ".join(sorted(f.stem for f in folder.glob("*.yml"))) or "none"
        line = configuration.lines.of(("notifier", "legal"))
        raise ProblemsError(
            [Problem(str(configuration.file), line, f"no legal profile `{name}`", f"there are: {known}")]
        ) from None


@contextlib.asynccontextmanager
async def _console(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Loops]:
    home = configuration.home
    log = await SqliteLog.open(home / "log.db", clock)
    state = await SqliteState.open(home / "state.db", clock)
    events = await ParquetEvents.open(home / "events", clock, log)

    def look() -> health.Health:
        return health.read(home / "run/health", roles(configuration), clock.now())

    def healthy() -> tuple[bool, bool, dict[str, Any]]:
        seen = look()
        alive = all("has not been heard" not in p and "restarting" not in p for p in seen.problems)
        return alive, seen.ready, {"ready": seen.ready, "problems": list(seen.problems)}

    figures = Figures(log, state, clock, look)
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
    try:
        yield {"console": console.run, "figures": figures.run}
    finally:
        await events.close()
        await state.close()
        await log.close()


@contextlib.asynccontextmanager
async def _national(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Loops]:
    wanted, folder = configuration.settings.national, configuration.home / "keys"
    province = Organisation(wanted.organisation, wanted.organisation_name, keys.token(folder, "national-client").digest)
    operator = keys.token(folder, "national-operator").reveal()
    host, port = split_address(wanted.listen)

    async def run(stop: asyncio.Event) -> None:
        app = create_app(folder=configuration.home / "national", organisations=(province,), operator_token=operator)
        await serve(app, stop, host=host, port=port)

    yield {"national": run}


def _every(seconds: float, act: Callable[[], Awaitable[object]]) -> Loop:
    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            await act()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)

    return run
