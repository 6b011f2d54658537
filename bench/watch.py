"""Watches a house under load: how far log, rules and store are, and what each process costs."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psutil

from backbone.ports import Bus, StateStore
from bench.house import House
from daemon.wiring import reading

WORKERS = ("collect", "correlate", "store")
"""The roles every event goes through."""


class Seen(NamedTuple):
    """Positions at one moment, ``at`` seconds since the watch began."""

    at: float
    logged: int
    matched: int
    stored: int


class Watch:
    """Reads positions over connections that stay open: opening them anew would take from what is measured."""

    def __init__(self, log: Bus, state: StateStore) -> None:
        self._log, self._state = log, state
        self._begun = time.perf_counter()

    def begin(self) -> None:
        self._begun = time.perf_counter()

    async def look(self) -> Seen:
        matched = max(await self._log.position("correlate", "events"), await self._state.position("correlate", "events"))
        logged, stored = await self._log.end("events"), await self._log.position("store", "events")
        return Seen(time.perf_counter() - self._begun, logged, matched, stored)

    async def until_quiet(self, limit: float, quiet: float = 4.0) -> list[Seen]:
        """Look until everything logged is matched and stored and nothing came for ``quiet`` seconds; every look. TimeoutError."""
        seen = [await self.look()]
        while True:
            now = seen[-1]
            done = 0 < now.logged <= min(now.matched, now.stored)
            if done and now.at - next(s.at for s in seen if s.logged == now.logged) >= quiet:
                return seen
            if now.at > limit:
                raise TimeoutError(f"after {limit:.0f} s: {now}")
            await asyncio.sleep(0.1)
            seen.append(await self.look())

    async def until(self, events: int, limit: float) -> list[Seen]:
        """Look until ``events`` are logged, matched and stored; every look. TimeoutError."""
        seen = [await self.look()]
        while min(seen[-1][1:]) < events:
            if seen[-1].at > limit:
                raise TimeoutError(f"after {limit:.0f} s: {seen[-1]} of {events}")
            await asyncio.sleep(0.1)
            seen.append(await self.look())
        return seen


@asynccontextmanager
async def started(house: House) -> AsyncIterator[House]:
    """The house runs and is ready inside. Houses of one folder share their compiled rules: only the first compiles."""
    shared = house.folder.parent / "compiled"
    if shared.is_dir():
        shutil.copytree(shared, house.home / "rules")
        house.home.chmod(0o700)
    await asyncio.to_thread(house.start, 400.0)
    try:
        if not shared.is_dir():
            shutil.copytree(house.home / "rules", shared)
        yield house
    finally:
        await asyncio.to_thread(house.stop)
        house.clear()


@asynccontextmanager
async def watching(house: House) -> AsyncIterator[Watch]:
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(reading.reading_log(house.configuration))
        state = await stack.enter_async_context(reading.reading_state(house.configuration))
        yield Watch(log, state)


def rate(seen: list[Seen], events: int, begun: int = 0) -> tuple[float, float, float]:
    """(events/s matched and stored, s until all were matched, s until as many were stored as fill segments).

    What does not fill a segment is written out when it is ten seconds old, by design; so the store's rate is taken at its last
    step before the end, and the slower of the two counts.
    """
    matched = next(s.at for s in seen if s.matched >= begun + events)
    stored = [s for last, s in pairwise(seen) if s.stored > last.stored]
    whole = [s for s in stored if s.at <= matched + 2.0] or stored[:1]
    kept = max(s.stored for s in whole)
    at = next(s.at for s in whole if s.stored == kept)
    return min(events / matched, (kept - begun) / at), matched, at


def costs(house: House) -> dict[str, float]:
    """Processor seconds so far by role, threads included."""
    found = {}
    for role, process in house.processes().items():
        times = process.cpu_times()
        found[role] = times.user + times.system
    return found


def memory(house: House) -> dict[str, tuple[float, float]]:
    """(PSS, RSS) in MiB by role. PSS shares what several processes map among them, so its sum is what the machine gives."""
    return {role: _memory(process) for role, process in house.processes().items()}


def _memory(process: psutil.Process) -> tuple[float, float]:
    found: dict[str, int] = {}
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text("utf-8").splitlines()[1:]:
        name, _, amount = line.partition(":")
        found[name] = int(amount.split()[0])
    return found["Pss"] / 1024, found["Rss"] / 1024
