"""Role `national`: the simulated national API."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from backbone.ports import Clock
from backbone.signals import Signals
from daemon import keys
from daemon.load import Configuration
from daemon.units import split_address
from daemon.wiring import Built
from national.app import create_app, serve
from national.auth import Organisation


@contextlib.asynccontextmanager
async def build(configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    wanted, folder = configuration.settings.national, configuration.home / "keys"
    province = Organisation(wanted.organisation, wanted.organisation_name, keys.token(folder, "national-client").digest)
    operator = keys.token(folder, "national-operator").reveal()
    host, port = split_address(wanted.listen)

    async def run(stop: asyncio.Event) -> None:
        app = create_app(folder=configuration.home / "national", organisations=(province,), operator_token=operator)
        await serve(app, stop, host=host, port=port)

    yield {"national": run}
