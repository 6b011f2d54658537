"""Role `notify`: topic alerts → incidents → national API."""

import contextlib
from collections.abc import AsyncIterator

from backbone.ports import Bus, Clock, Journal, StateStore
from backbone.signals import Signals
from backbone.sqlite_state import SqliteState
from daemon import keys
from daemon.legal import load_legal
from daemon.load import Configuration
from daemon.loops import every
from daemon.wiring import Built
from notifier.delivery import Deliver
from notifier.grouping import Grouping
from notifier.loop import Notify
from notifier.sinks.national_api import NationalApi

TRIM_EVERY = 30.0
KEEP = {"incidents": 10_000, "dead-letters": 100_000}
"""Topics without a reader in the embedded house → newest records kept."""


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    state = await SqliteState.open(configuration.home / "state.db", clock)
    try:
        async with notifying(configuration, state.bus, state, clock, signals) as loops:
            yield loops | {"trim": every(TRIM_EVERY, lambda: _trim(state.bus, signals))}
    finally:
        await state.close()


@contextlib.asynccontextmanager
async def notifying(
    configuration: Configuration, bus: Bus, state: StateStore, clock: Clock, signals: Signals
) -> AsyncIterator[Built]:
    """The loops from alerts to receipts."""
    wanted = configuration.settings.notifier
    client = wanted.national.key_file
    key = keys.read_token(configuration.path(client) if client else configuration.home / "keys/national-client.key")
    sink = NationalApi(url=configuration.settings.national_url, key=key.reveal())
    grouping = Grouping(
        legal=load_legal(configuration),
        systems=configuration.systems,
        window=wanted.window,
        minimum=wanted.minimum,
        unlinkable=wanted.unlinkable,
    )
    deliver = Deliver(
        state=state,
        sink=sink,
        clock=clock,
        signals=signals,
        profile=wanted.legal,
        systems=configuration.systems,
        interval=wanted.national.min_interval,
    )
    try:
        yield {
            "notify": Notify(bus=bus, state=state, grouping=grouping, clock=clock, signals=signals).run,
            "deliver": deliver.run,
        }
    finally:
        await sink.close()


async def _trim(bus: Journal, signals: Signals) -> None:
    """Alerts go when they are in incidents; of what nobody here reads the newest are kept, for whoever looks into it."""
    await bus.trim("alerts", ("notify",))
    for topic, newest in KEEP.items():
        await bus.commit("kept", topic, max(0, await bus.end(topic) - newest))
        if dropped := await bus.trim(topic, ("kept",)):
            signals.count("notifier_trimmed", dropped, topic=topic)
