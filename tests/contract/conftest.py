"""One fixture a port, parametrised over its adapters. A new adapter joins every suite by one entry in ADAPTERS.

Each entry makes a fresh store in a folder; ``again`` opens the same folder a second time, as a restart or another process
would. Adapters that keep nothing (memory) have ``lasting`` False.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import ApiError, AsyncElasticsearch

from backbone.clock import ManualClock, SystemClock
from backbone.elastic_client import Access
from backbone.elastic_store import ElasticEvents
from backbone.kafka_bus import KafkaBus
from backbone.kafka_cluster import Cluster
from backbone.kafka_state import KafkaState
from backbone.kafka_topics import MAX_RECORD, Topic, prepare
from backbone.memory_bus import MemoryBus
from backbone.memory_events import MemoryEvents
from backbone.memory_state import MemoryState
from backbone.parquet_store import ParquetEvents
from backbone.ports import Commit
from backbone.signals import MemorySignals
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from model import Micros
from model.moment import MINUTE

TEMPLATES = Path(__file__).parents[2] / "config" / "elastic"


@dataclass
class Place:
    """Where an adapter under test lives. ``max_bytes`` 0: no bound."""

    folder: Path
    make: Callable[[Path, ManualClock, int], Awaitable[Any]]
    lasting: bool
    stamps: bool = False
    clock: ManualClock = field(default_factory=ManualClock)
    opened: list[Any] = field(default_factory=list)

    async def open(self, max_bytes: int = 0) -> Any:
        """The adapter on this place; a second call opens the same place again."""
        self.opened.append(await self.make(self.folder, self.clock, max_bytes))
        return self.opened[-1]

    def is_now(self, at: Micros) -> bool:
        """Whether ``at`` is the adapter's present: its clock's, or, when a server stamps the records, the real one."""
        return at == self.clock.now() or (self.stamps and abs(at - SystemClock().now()) < MINUTE)

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


async def kafka_prefix(folder: Path) -> tuple[Cluster, str]:
    """A cluster and a prefix of topics of this folder's own, made at the first opening."""
    bootstrap, prefix = (folder / "kafka").read_text().split()
    cluster, made = Cluster((bootstrap,)), folder / "made"
    if not made.exists():
        made.touch()
        names = ("events", "alerts", "incidents", "t", "unheard")
        topics = [Topic(prefix + name, partitions=1, replication=1) for name in names]
        await prepare(cluster, [*topics, Topic(prefix + "state", partitions=1, replication=1, keep=0)])
    return cluster, prefix


async def kafka_bus(folder: Path, clock: ManualClock, max_bytes: int) -> KafkaBus:
    cluster, prefix = await kafka_prefix(folder)
    return KafkaBus(cluster, MemorySignals(), prefix=prefix)


class _KafkaState:
    """An owner and a bus over the same topics. Kafka shows a commit to others some milliseconds after it returned."""

    def __init__(self, state: KafkaState, bus: KafkaBus) -> None:
        self._state, self.bus = state, bus

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)

    async def commit(self, commit: Commit) -> None:
        before = {topic: await self.bus.end(topic) for topic, _, _ in commit.appends}
        await self._state.commit(commit)
        for _ in range(200):
            grown = [await self.bus.end(topic) > end for topic, end in before.items()]
            moved = [await self.bus.position(group, topic) >= offset for group, topic, offset in commit.cursors]
            if all(grown) and all(moved):
                return
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self.bus.close()
        await self._state.close()


async def kafka_state(folder: Path, clock: ManualClock, max_bytes: int) -> _KafkaState:
    cluster, prefix = await kafka_prefix(folder)
    signals, longest = MemorySignals(), max_bytes or MAX_RECORD
    state = await KafkaState.open(cluster, signals, clock, folder / "copy.db", prefix=prefix, max_record=longest)
    return _KafkaState(state, KafkaBus(cluster, signals, prefix=prefix))


async def elastic_events(folder: Path, clock: ManualClock, max_bytes: int) -> ElasticEvents:
    """In a namespace of this test's own; a second opening finds it by the folder."""
    access = Access(((folder / "elastic").read_text(),))
    return await ElasticEvents.open(
        access, clock, templates=TEMPLATES, namespace=elastic_namespace(folder), bulk_events=7, patience=20
    )


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
BUSES["kafka"] = (kafka_bus, True)
STATES = {"memory": (memory_state, False), "sqlite": (sqlite_state, True), "kafka": (kafka_state, True)}
SERVED = {"kafka", "elastic"}
ONE_WRITER = {"kafka"}
"""States with one writer at a time: a second one puts an end to the first."""
EVENTS = {"memory": (memory_events, False), "parquet": (parquet_events, True), "elastic": (elastic_events, True)}


def _params(adapters: dict[str, Any]) -> list[Any]:
    """Each adapter; those of a server are marked so, for ``-m "not server"``."""
    return [pytest.param(name, marks=pytest.mark.server) if name in SERVED else name for name in sorted(adapters)]


async def _place(adapters: dict[str, Any], request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Place]:
    name = request.param
    if name == "kafka":
        server = request.getfixturevalue("kafka")
        (folder / "kafka").write_text(f"{server.bootstrap} {request.getfixturevalue('prefix')}")
    if name == "elastic":
        (folder / "elastic").write_text(request.getfixturevalue("elasticsearch").url)
    make, lasting = adapters[name]
    place = Place(folder, make, lasting, name == "kafka")
    yield place
    await place.close()


@pytest.fixture(params=_params(BUSES))
async def bus_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async for place in _place(BUSES, request, tmp_path):
        yield place


@pytest.fixture(params=_params(JOURNALS))
async def journal_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async for place in _place(JOURNALS, request, tmp_path):
        yield place


@pytest.fixture(params=_params(STATES))
async def state_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async for place in _place(STATES, request, tmp_path):
        yield place


@pytest.fixture(params=_params(EVENTS))
async def events_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async for place in _place(EVENTS, request, tmp_path):
        yield place
    if request.param == "elastic":
        await forget_elastic(request.getfixturevalue("elasticsearch").url, elastic_namespace(tmp_path))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked ``lasting`` are about what outlives the process: adapters that keep nothing have no such test.

    Those marked ``writers`` have several writers on one place: KafkaState has one owner, and its own tests of that.
    """
    adapters = {"bus_place": BUSES, "journal_place": JOURNALS, "state_place": STATES, "events_place": EVENTS}
    for item in list(items):
        one = isinstance(item, pytest.Function) and getattr(item, "callspec", None) and item.callspec.params.get("state_place")
        if item.get_closest_marker("writers") and one in ONE_WRITER:
            items.remove(item)
            continue
        if item.get_closest_marker("lasting") and isinstance(item, pytest.Function):
            chosen = item.callspec.params.items()
            if any(name in adapters and not adapters[name][value][1] for name, value in chosen):
                items.remove(item)
