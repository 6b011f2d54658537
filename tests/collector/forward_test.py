"""Every record of the collector's log arrives once and in order, whatever fails in between."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from backbone.clock import ManualClock
from backbone.memory_bus import MemoryBus
from backbone.memory_state import MemoryState
from backbone.ports import Commit, Entry
from backbone.signals import MemorySignals
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from collector.forward import IDENTITY, Forward
from model import BackboneError, CorruptError


class Flaky(MemoryState):
    """A far side that is away at times, and at times loses the answer of what it took."""

    def __init__(self, clock: ManualClock, chance: random.Random) -> None:
        super().__init__(clock)
        self.chance, self.failed, self.unanswered = chance, 0, 0

    async def get(self, space: str, key: str) -> Entry | None:
        await self._maybe()
        return await super().get(space, key)

    async def commit(self, commit: Commit) -> None:
        await self._maybe()
        await super().commit(commit)
        if self.chance.random() < 0.2:
            self.unanswered += 1
            raise BackboneError("the answer was lost")

    async def _maybe(self) -> None:
        await asyncio.sleep(0)
        if self.chance.random() < 0.3:
            self.failed += 1
            raise BackboneError("away")


def pairs(first: int, last: int) -> list[tuple[str, bytes]]:
    return [("nguồn", str(n).encode()) for n in range(first, last + 1)]


def forward(journal: Any, state: Any, signals: MemorySignals | None = None, **more: Any) -> Forward:
    return Forward(
        journal=journal,
        state=state,
        clock=ManualClock(),
        signals=signals or MemorySignals(),
        batch=7,
        wait=0.01,
        first_wait=0.0005,
        **more,
    )


async def run(one: Forward, journal: Any, until: int, limit: float = 10.0) -> None:
    """Run it until the log is forwarded up to ``until``."""
    stop = asyncio.Event()
    task = asyncio.create_task(one.run(stop))
    async with asyncio.timeout(limit):
        while await journal.position("forward", "events") < until and not task.done():
            await asyncio.sleep(0.002)
    stop.set()
    await task


async def values(state: Any) -> list[bytes]:
    return [r.value for r in await state.bus.read("events", 0, 100_000)]


@pytest.mark.parametrize("seed", range(20))
async def test_once_and_in_order_over_outages_and_lost_answers(seed: int) -> None:
    """A far side that fails every third time, and loses every fifth answer: nothing twice, nothing lost, order kept."""
    chance = random.Random(seed)
    journal, state, signals = MemoryBus(ManualClock()), Flaky(ManualClock(), chance), MemorySignals()
    await journal.append("events", pairs(1, 60))
    await run(forward(journal, state, signals), journal, 60)
    await journal.append("events", pairs(61, 100))
    await run(forward(journal, state, signals), journal, 100)
    assert await values(state) == [v for _, v in pairs(1, 100)]
    assert state.failed and signals.counts["forward_retries"] > 0 and signals.levels["forward_away"] == 0
    assert signals.counts["forward_records"] == 100


async def test_a_crash_between_the_two_commits(tmp_path: Path) -> None:
    """The far side took the records, the log does not know: the next start asks the far side, on real files."""
    clock = ManualClock()
    journal, state = await SqliteLog.open(tmp_path / "log.db", clock), await SqliteState.open(tmp_path / "state.db", clock)
    await journal.append("events", pairs(1, 20))
    await run(forward(journal, state), journal, 20)
    await journal.append("events", pairs(21, 40))
    lost = [0]

    async def crash(group: str, topic: str, offset: int) -> None:
        lost[0] += 1
        raise RuntimeError("killed")

    kept, journal.commit = journal.commit, crash  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await forward(journal, state).run(asyncio.Event())
    journal.commit = kept  # type: ignore[method-assign]
    assert lost == [1] and await journal.position("forward", "events") == 20
    await run(forward(journal, state), journal, 40)
    assert await values(state) == [v for _, v in pairs(1, 40)]
    await state.close()
    await journal.close()


async def test_each_log_has_its_own_place() -> None:
    """Two collectors forward to one far side; a log that was replaced begins anew instead of leaving records out."""
    state = MemoryState(ManualClock())
    one, other = MemoryBus(ManualClock()), MemoryBus(ManualClock())
    await one.append("events", pairs(1, 5))
    await other.append("events", pairs(101, 103))
    await run(forward(one, state), one, 5)
    await run(forward(other, state), other, 3)
    assert sorted(await values(state)) == sorted(v for _, v in pairs(1, 5) + pairs(101, 103))
    assert await one.checkpoint(IDENTITY) != await other.checkpoint(IDENTITY)


async def test_a_log_that_went_back_is_refused() -> None:
    """Restored from an older copy, it would give other records the offsets of those forwarded: a sentence, not silence."""
    state, journal = MemoryState(ManualClock()), MemoryBus(ManualClock())
    await journal.append("events", pairs(1, 5))
    await run(forward(journal, state), journal, 5)
    older = MemoryBus(ManualClock())
    await older.append("events", pairs(1, 2), {IDENTITY: await journal.checkpoint(IDENTITY) or b""})
    with pytest.raises(CorruptError, match="5 records of this collector's log were forwarded, but it ends at 2"):
        await forward(older, state).run(asyncio.Event())


async def test_two_on_one_log_do_not_double_it() -> None:
    """The one that comes second to a commit hears of it and ends."""
    state, journal = MemoryState(ManualClock()), MemoryBus(ManualClock())
    await journal.append("events", pairs(1, 500))
    results = await asyncio.gather(*(run(forward(journal, state), journal, 500) for _ in range(2)), return_exceptions=True)
    assert await values(state) == [v for _, v in pairs(1, 500)]
    assert all(r is None or (isinstance(r, BackboneError) and "Somebody else" in str(r)) for r in results)


async def test_a_record_too_long_goes_to_the_dead_letters() -> None:
    """Its beginning, the reason and its place; the others are not held up, and it is counted."""
    state, journal, signals = MemoryState(ManualClock()), MemoryBus(ManualClock()), MemorySignals()
    await journal.append("events", [*pairs(1, 2), ("nguồn", b"x" * 2_000), *pairs(3, 3)])
    await run(forward(journal, state, signals, longest=1_000), journal, 4)
    assert await values(state) == [b"1", b"2", b"3"]
    (letter,) = await state.bus.read("dead-letters", 0, 10)
    assert b"2000" in letter.value and signals.counts["forward_dead_letters"] == 1


async def test_stopping_while_the_far_side_is_away() -> None:
    """It ends at once, and nothing was said to be forwarded."""

    class Away(MemoryState):
        async def commit(self, commit: Commit) -> None:
            raise BackboneError("away")

    journal, state = MemoryBus(ManualClock()), Away(ManualClock())
    await journal.append("events", pairs(1, 5))
    stop = asyncio.Event()
    task = asyncio.create_task(forward(journal, state).run(stop))
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(task, 1)
    assert await journal.position("forward", "events") == 0
