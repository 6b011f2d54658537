"""Builds the house: the only package that names concrete adapters and puts rooms together.

One module a role, imported when that role is built: a process carries only what it needs. ``far_<role>`` is the same role of a
house on many machines.
"""

import contextlib
import importlib
from collections.abc import AsyncIterator

from backbone.ports import Clock
from backbone.signals import Signals
from daemon.load import Configuration
from daemon.loops import Loop

Built = dict[str, Loop]
"""The loops of a role, by name."""


@contextlib.asynccontextmanager
async def built(role: str, configuration: Configuration, clock: Clock, signals: Signals) -> AsyncIterator[Built]:
    """The loops of a role, with their adapters open inside."""
    far = configuration.settings.distributed is not None and role != "national"
    build = importlib.import_module(f"daemon.wiring.{'far_' if far else ''}{role}").build
    async with build(configuration, clock, signals) as loops:
        yield loops
