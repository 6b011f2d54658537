"""What every Bus promises."""

import asyncio
import time
from typing import Any

import pytest


def pairs(*values: str) -> list[tuple[str, bytes]]:
    return [("k", v.encode()) for v in values]


async def test_offsets_start_at_one_and_grow_by_one(bus_place: Any) -> None:
    """Records keep the order of their append, with offsets without gaps."""
    bus = await bus_place.open()
    assert await bus.end("events") == 0
    assert await bus.append("events", pairs("a", "b")) == 2
    assert await bus.append("events", pairs("c")) == 3
    read = await bus.read("events", 0, 10)
    assert [(r.offset, r.key, r.value) for r in read] == [(n, "k", v) for n, v in enumerate([b"a", b"b", b"c"], 1)]
    assert all(bus_place.is_now(r.appended_at) for r in read)
    assert await bus.end("events") == 3


@pytest.mark.parametrize(
    ("after", "limit", "want"), [(0, 2, [1, 2]), (2, 2, [3, 4]), (4, 9, [5]), (5, 9, []), (9, 9, []), (0, 0, [])]
)
async def test_read_pages(bus_place: Any, after: int, limit: int, want: list[int]) -> None:
    """A read starts after the offset asked for, wherever batches begin, and never gives more than asked."""
    bus = await bus_place.open()
    await bus.append("events", pairs("a", "b", "c"))
    await bus.append("events", pairs("d", "e"))
    assert [r.offset for r in await bus.read("events", after, limit)] == want


async def test_topics_are_apart(bus_place: Any) -> None:
    """A topic has its own offsets and never shows another's records."""
    bus = await bus_place.open()
    await bus.append("events", pairs("a"))
    await bus.append("alerts", pairs("x", "y"))
    await bus.append("events", pairs("b"))
    assert [r.value for r in await bus.read("events", 0, 10)] == [b"a", b"b"]
    assert [r.value for r in await bus.read("alerts", 0, 10)] == [b"x", b"y"]
    assert await bus.read("unheard", 0, 10) == []


async def test_large_and_odd_values_come_back_whole(bus_place: Any) -> None:
    """Values of any bytes and size, and keys of any text, are kept exactly."""
    bus = await bus_place.open()
    values = [b"", b"\0\xff" * 3, bytes(range(256)) * 20_000, "Nguyễn".encode()]
    keys = ["", "nguồn/một", "a'b\"c", "x" * 300]
    await bus.append("events", list(zip(keys, values, strict=True)))
    read = await bus.read("events", 0, 10)
    assert [r.value for r in read] == values
    assert [r.key for r in read] == keys


async def test_concurrent_appends_are_all_kept_in_one_order(bus_place: Any) -> None:
    """Fifty appenders at once: every batch whole and unbroken, every returned offset true."""
    bus = await bus_place.open()

    async def append(n: int) -> tuple[int, int]:
        return n, await bus.append("events", pairs(*(f"{n}.{i}" for i in range(10))))

    ends = dict(await asyncio.gather(*(append(n) for n in range(50))))
    read = {r.offset: r.value.decode() for r in await bus.read("events", 0, 1000)}
    assert sorted(read) == list(range(1, 501))
    for n, end in ends.items():
        assert [read[o] for o in range(end - 9, end + 1)] == [f"{n}.{i}" for i in range(10)]


async def test_read_waits_for_the_first_record(bus_place: Any) -> None:
    """A waiting read returns soon after an append, not at its time-out."""
    bus = await bus_place.open()
    waiting = asyncio.create_task(bus.read("events", 0, 10, wait=10))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    began = time.perf_counter()
    await bus.append("events", pairs("a"))
    assert [r.value for r in await waiting] == [b"a"]
    assert time.perf_counter() - began < 2


async def test_read_gives_up_after_wait(bus_place: Any) -> None:
    """Without news a waiting read returns empty after its time, and an append to another topic is no news."""
    bus = await bus_place.open()
    began = time.perf_counter()
    waiting = asyncio.create_task(bus.read("events", 0, 10, wait=0.2))
    await asyncio.sleep(0.05)
    await bus.append("alerts", pairs("x"))
    assert await waiting == []
    assert 0.15 < time.perf_counter() - began < 5


async def test_positions_never_go_back(bus_place: Any) -> None:
    """A group's position is its greatest commit, apart from other groups and topics."""
    bus = await bus_place.open()
    assert await bus.position("match", "events") == 0
    await bus.commit("match", "events", 5)
    await bus.commit("match", "events", 3)
    await bus.commit("store", "events", 1)
    assert await bus.position("match", "events") == 5
    assert await bus.position("store", "events") == 1
    assert await bus.position("match", "alerts") == 0


@pytest.mark.lasting
async def test_everything_outlives_a_restart(bus_place: Any) -> None:
    """What was acknowledged is there when the same place is opened again."""
    bus = await bus_place.open()
    await bus.append("events", pairs("a", "b"))
    await bus.commit("g", "events", 1)
    await bus.close()
    bus = await bus_place.open()
    assert [r.value for r in await bus.read("events", 0, 10)] == [b"a", b"b"]
    assert (await bus.end("events"), await bus.position("g", "events")) == (2, 1)


@pytest.mark.lasting
async def test_two_openers_see_each_other(bus_place: Any) -> None:
    """Two adapters on one place share one order, and a waiting read of one sees the other's append at once."""
    one, other = await bus_place.open(), await bus_place.open()
    waiting = asyncio.create_task(other.read("events", 0, 10, wait=10))
    await asyncio.sleep(0.05)
    began = time.perf_counter()
    await one.append("events", pairs("a"))
    assert [r.value for r in await waiting] == [b"a"]
    assert time.perf_counter() - began < 2
    await asyncio.gather(*(bus.append("events", pairs("x")) for bus in (one, other) for _ in range(20)))
    assert [r.offset for r in await one.read("events", 0, 100)] == list(range(1, 42))
