"""One fixture a port, parametrised over its adapters. A new adapter joins every suite by one entry in ADAPTERS.

Each entry makes a fresh store in a folder; ``again`` opens the same folder a second time, as a restart or another process
would. Adapters that keep nothing (memory) have ``lasting`` False.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import ApiError, AsyncElasticsearch

from backbone.clock import ManualClock
from backbone.elastic_client import Access
from backbone.elastic_store import ElasticEvents
from backbone.memory_bus import MemoryBus
from backbone.memory_events import MemoryEvents
from backbone.memory_state import MemoryState
from backbone.parquet_store import ParquetEvents
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState

TEMPLATES = Path(__file__).parents[2] / "config" / "elastic"


@dataclass
class Place:
    """Where an adapter under test lives. ``max_bytes`` 0: no bound."""

    folder: Path
    make: Callable[[Path, ManualClock, int], Awaitable[Any]]
    lasting: bool
    clock: ManualClock = field(default_factory=ManualClock)
    opened: list[Any] = field(default_factory=list)

    async def open(self, max_bytes: int = 0) -> Any:
        """The adapter on this place; a second call opens the same place again."""
        self.opened.append(await self.make(self.folder, self.clock, max_bytes))
        return self.opened[-1]

    async def close(self) -> None:
        for one in self.opened:
            await one.close()


async def memory_bus(folder: Path, clock: ManualClock, max_bytes: int) -> MemoryBus:
    return MemoryBus(clock, max_bytes)


async def memory_state(folder: Path, clock: ManualClock, max_bytes: int) -> MemoryState:
    return MemoryState(clock, MemoryBus(clock, max_bytes))


async def memory_events(folder: Path, clock: ManualClock, max_bytes: int) -> MemoryEvents:
    return MemoryEvents()


async def sqlite_log(folder: Path, clock: ManualClock, max_bytes: int) -> SqliteLog:
    return await SqliteLog.open(folder / "log.db", clock, max_bytes)


async def sqlite_state(folder: Path, clock: ManualClock, max_bytes: int) -> SqliteState:
    return await SqliteState.open(folder / "state.db", clock, max_bytes)


async def sqlite_state_bus(folder: Path, clock: ManualClock, max_bytes: int) -> SqliteLog:
    return _Kept(await SqliteState.open(folder / "state.db", clock, max_bytes))  # type: ignore[return-value]


class _Kept:
    """A state's bus that closes the state with it."""

    def __init__(self, state: SqliteState) -> None:
        self._state = state

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state.bus, name)

    async def close(self) -> None:
        await self._state.close()


async def parquet_events(folder: Path, clock: ManualClock, max_bytes: int) -> ParquetEvents:
    return await ParquetEvents.open(folder / "events", clock, segment_events=50, merged_events=400, merged_files=4)


def elastic_events(url: str) -> Callable[[Path, ManualClock, int], Awaitable[ElasticEvents]]:
    """In a namespace of this test's own; a second opening finds it by the folder."""

    async def opened(folder: Path, clock: ManualClock, max_bytes: int) -> ElasticEvents:
        return await ElasticEvents.open(
            Access((url,)), clock, templates=TEMPLATES, namespace=elastic_namespace(folder), bulk_events=7, patience=20
        )

    return opened


def elastic_namespace(folder: Path) -> str:
    return "vg" + hashlib.blake2b(str(folder).encode(), digest_size=8).hexdigest()


async def forget_elastic(url: str, namespace: str) -> None:
    """Leave nothing on a server that is not ours, as far as it lets us (the minimal one has no way to drop a data stream)."""
    async with AsyncElasticsearch(url) as client:
        with contextlib.suppress(ApiError):
            await client.indices.delete_data_stream(name=f"logs-vonggac.*-{namespace}")
        for index in (f"vonggac-{kind}-{namespace}" for kind in ("progress", "quarantine")):
            await client.indices.delete(index=index, ignore_unavailable=True)


BUSES = {"memory": (memory_bus, False), "sqlite": (sqlite_log, True), "sqlite-state": (sqlite_state_bus, True)}
JOURNALS = dict(BUSES)
STATES = {"memory": (memory_state, False), "sqlite": (sqlite_state, True)}
EVENTS = {"memory": (memory_events, False), "parquet": (parquet_events, True), "elastic": (elastic_events, True)}


async def _place(adapters: dict[str, Any], name: str, folder: Path) -> AsyncIterator[Place]:
    make, lasting = adapters[name]
    place = Place(folder, make, lasting)
    yield place
    await place.close()


@pytest.fixture(params=sorted(BUSES))
async def bus_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async for place in _place(BUSES, request.param, tmp_path):
        yield place


@pytest.fixture(params=sorted(JOURNALS))
async def journal_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async for place in _place(JOURNALS, request.param, tmp_path):
        yield place


@pytest.fixture(params=sorted(STATES))
async def state_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async for place in _place(STATES, request.param, tmp_path):
        yield place


@pytest.fixture(params=["memory", "parquet", pytest.param("elastic", marks=pytest.mark.server)])
async def events_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    adapters: dict[str, Any] = EVENTS
    if request.param == "elastic":
        adapters = {"elastic": (elastic_events(request.getfixturevalue("elasticsearch").url), True)}
    async for place in _place(adapters, request.param, tmp_path):
        yield place
    if request.param == "elastic":
        await forget_elastic(request.getfixturevalue("elasticsearch").url, elastic_namespace(tmp_path))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked ``lasting`` are about what outlives the process: adapters that keep nothing have no such test."""
    adapters = {"bus_place": BUSES, "journal_place": JOURNALS, "state_place": STATES, "events_place": EVENTS}
    for item in list(items):
        if item.get_closest_marker("lasting") and isinstance(item, pytest.Function):
            chosen = item.callspec.params.items()
            if any(name in adapters and not adapters[name][value][1] for name, value in chosen):
                items.remove(item)
