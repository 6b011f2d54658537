"""What every StateStore promises."""

import asyncio
import time
from typing import Any

import pytest

from backbone.ports import Commit, Put
from model import ConflictError, FullError


async def put(state: Any, key: str, value: bytes = b"v", at: int = 0, expect: int | None = None, space: str = "alerts") -> None:
    await state.commit(Commit(puts=(Put(space, key, value, at, expect),)))


async def test_get_gives_the_last_put(state_place: Any) -> None:
    """An entry is what was put last; its version counts the writes, its change grows."""
    state = await state_place.open()
    assert await state.get("alerts", "a") is None
    await put(state, "a", b"1", at=5)
    first = await state.get("alerts", "a")
    await put(state, "a", b"2", at=6)
    second = await state.get("alerts", "a")
    assert (first.key, first.value, first.at, first.version) == ("a", b"1", 5, 1)
    assert (second.value, second.at, second.version) == (b"2", 6, 2)
    assert second.change > first.change
    assert await state.get("incidents", "a") is None


async def test_expect_guards_against_others(state_place: Any) -> None:
    """A put with a wrong expected version raises ConflictError and stores nothing of its commit."""
    state = await state_place.open()
    await put(state, "a", expect=0)
    with pytest.raises(ConflictError, match="alerts/a"):
        await put(state, "a", expect=0)
    await put(state, "a", expect=1)
    with pytest.raises(ConflictError):
        await state.commit(
            Commit(
                puts=(Put("alerts", "new", b"x"), Put("alerts", "a", b"x", expect=1)),
                deletes=(("alerts", "a"),),
                appends=(("incidents", "k", b"x"),),
                cursors=(("g", "alerts", 9),),
            )
        )
    assert await state.get("alerts", "new") is None
    assert (await state.get("alerts", "a")).version == 2
    assert await state.bus.end("incidents") == 0
    assert await state.position("g", "alerts") == 0


async def test_two_puts_of_one_key_in_a_commit(state_place: Any) -> None:
    """Puts of one commit apply in order, and an expectation sees those before it."""
    state = await state_place.open()
    await state.commit(Commit(puts=(Put("s", "a", b"1", expect=0), Put("s", "a", b"2", expect=1))))
    entry = await state.get("s", "a")
    assert (entry.value, entry.version) == (b"2", 2)


async def test_commit_is_all_at_once(state_place: Any) -> None:
    """Entries, deletes, appended records and cursors become visible together."""
    state = await state_place.open()
    await put(state, "old")
    await state.commit(
        Commit(
            puts=(Put("alerts", "a", b"1", 3),),
            deletes=(("alerts", "old"), ("alerts", "never")),
            appends=(("incidents", "i", b"r1"), ("incidents", "i", b"r2"), ("alerts", "a", b"x")),
            cursors=(("notify", "alerts", 4), ("notify", "alerts", 2)),
        )
    )
    assert await state.count("alerts") == 1
    assert [r.value for r in await state.bus.read("incidents", 0, 9)] == [b"r1", b"r2"]
    assert await state.bus.end("alerts") == 1
    assert await state.position("notify", "alerts") == 4
    assert await state.bus.position("notify", "alerts") == 4


async def test_delete_starts_versions_again(state_place: Any) -> None:
    """A deleted entry is gone; one put after it is new."""
    state = await state_place.open()
    await put(state, "a")
    await state.commit(Commit(deletes=(("alerts", "a"),)))
    assert await state.get("alerts", "a") is None
    await put(state, "a", expect=0)
    assert (await state.get("alerts", "a")).version == 1


async def test_newest_pages_by_time_then_key(state_place: Any) -> None:
    """Newest first; pages join without gap or repeat, also where times are equal; ``since`` cuts."""
    state = await state_place.open()
    await state.commit(Commit(puts=tuple(Put("alerts", f"{n:02}", b"", n // 3) for n in range(20))))
    want = [f"{n:02}" for n in sorted(range(20), key=lambda n: (n // 3, f"{n:02}"), reverse=True)]
    seen: list[str] = []
    before = None
    while page := await state.newest("alerts", before=before, limit=7):
        seen += [e.key for e in page]
        before = (page[-1].at, page[-1].key)
    assert seen == want
    assert [e.key for e in await state.newest("alerts", since=6)] == ["19", "18"]


async def test_scan_is_every_entry_in_key_order(state_place: Any) -> None:
    """Scan crosses its inner pages and gives Vietnamese and empty keys like any other."""
    state = await state_place.open()
    keys = ["", "đ", "Z", "a b", *(f"{n:04}" for n in range(1200))]
    await state.commit(Commit(puts=tuple(Put("s", key, key.encode()) for key in keys)))
    assert [e.key async for e in await state.scan("s")] == sorted(keys)
    assert [e.key async for e in await state.scan("empty")] == []
    assert await state.count("s") == len(keys)


async def test_changes_is_a_feed(state_place: Any) -> None:
    """Each changed entry comes once, at its last change, oldest first; a reader that goes on from there misses nothing."""
    state = await state_place.open()
    for key in ("a", "b", "a", "c"):
        await put(state, key)
    await put(state, "x", space="other")
    feed = await state.changes("alerts", 0, 10)
    assert [e.key for e in feed] == ["b", "a", "c"]
    assert [e.key for e in await state.changes("alerts", 0, 2)] == ["b", "a"]
    assert await state.changes("alerts", feed[-1].change, 10) == []
    await put(state, "b")
    assert [e.key for e in await state.changes("alerts", feed[-1].change, 10)] == ["b"]


async def test_changes_waits(state_place: Any) -> None:
    """A waiting feed wakes on a change of its space, and gives up in time without one."""
    state = await state_place.open()
    waiting = asyncio.create_task(state.changes("alerts", 0, 10, wait=10))
    await asyncio.sleep(0.05)
    await put(state, "x", space="other")
    await asyncio.sleep(0.05)
    assert not waiting.done()
    began = time.perf_counter()
    await put(state, "a")
    assert [e.key for e in await waiting] == ["a"]
    assert time.perf_counter() - began < 2
    assert await state.changes("alerts", 99, 10, wait=0.1) == []


async def test_one_of_many_wins(state_place: Any) -> None:
    """Of twenty commits at once that expect the same version exactly one holds."""
    state = await state_place.open()
    outcomes = await asyncio.gather(*(put(state, "a", str(n).encode(), expect=0) for n in range(20)), return_exceptions=True)
    assert sum(o is None for o in outcomes) == 1
    assert all(o is None or isinstance(o, ConflictError) for o in outcomes)
    assert (await state.get("alerts", "a")).version == 1


async def test_full_stores_nothing(state_place: Any) -> None:
    """With no room a commit raises FullError and leaves entries, records and cursors as they were."""
    state = await state_place.open(max_bytes=400_000)
    noise = __import__("random").Random(1).randbytes(500_000)
    with pytest.raises(FullError):
        await state.commit(Commit(puts=(Put("s", "a", b"1"),), appends=(("t", "k", noise),), cursors=(("g", "t", 1),)))
    assert await state.get("s", "a") is None
    assert (await state.bus.end("t"), await state.position("g", "t")) == (0, 0)
    await put(state, "a")


@pytest.mark.lasting
async def test_everything_outlives_a_restart(state_place: Any) -> None:
    """What was committed is there when the same place is opened again, and changes go on growing."""
    state = await state_place.open()
    await state.commit(Commit(puts=(Put("s", "a", b"1", 7),), appends=(("t", "k", b"r"),), cursors=(("g", "t", 1),)))
    before = await state.get("s", "a")
    await state.close()
    state = await state_place.open()
    assert await state.get("s", "a") == before
    assert (await state.bus.end("t"), await state.position("g", "t")) == (1, 1)
    await put(state, "b", space="s")
    assert (await state.get("s", "b")).change > before.change


@pytest.mark.lasting
@pytest.mark.writers
async def test_two_openers_see_each_other(state_place: Any) -> None:
    """Two stores on one place conflict, feed and count as one."""
    one, other = await state_place.open(), await state_place.open()
    waiting = asyncio.create_task(other.changes("alerts", 0, 10, wait=10))
    await asyncio.sleep(0.05)
    began = time.perf_counter()
    await put(one, "a")
    assert [e.key for e in await waiting] == ["a"]
    assert time.perf_counter() - began < 2
    with pytest.raises(ConflictError):
        await put(other, "a", expect=0)
    await asyncio.gather(*(put(store, f"{n}", space="s") for n, store in enumerate([one, other] * 20)))
    changes = [e.change for e in await one.changes("s", 0, 100)]
    assert len(set(changes)) == 40
