"""Loops of a process: restarted, reported, stopped."""

import asyncio
from pathlib import Path

import pytest

from backbone.clock import SystemClock
from backbone.signals import MemorySignals
from daemon import health, loops


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[loops.Loops, MemorySignals, Path]:
    monkeypatch.setattr(loops, "FIRST_WAIT", 0.02)
    signals = MemorySignals()
    return loops.Loops("collect", tmp_path, SystemClock(), signals), signals, tmp_path


async def test_a_crashed_loop_starts_again_and_is_visible(running: tuple[loops.Loops, MemorySignals, Path]) -> None:
    """A loop that raises twice runs a third time; restarts and the last error are in health and signals."""
    keeper, signals, folder = running
    starts = 0

    async def shaky(stop: asyncio.Event) -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise RuntimeError(f"crash {starts}")
        await stop.wait()

    task = asyncio.create_task(keeper.run({"shaky": shaky}))
    while starts < 3:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    seen = health.read(folder, ("collect",), SystemClock().now())
    assert seen.ready
    assert seen.roles[0].loops[0].restarts == 2
    assert seen.roles[0].loops[0].error == "RuntimeError: crash 2"
    assert signals.counts["daemon_restarts{loop=shaky}"] == 2
    keeper.stop.set()
    await asyncio.wait_for(task, 2)
    assert health.read(folder, ("collect",), SystemClock().now()).problems == ("collect: loop shaky is stopped",)


async def test_one_crash_does_not_stop_the_others(running: tuple[loops.Loops, MemorySignals, Path]) -> None:
    """While one loop crashes again and again the other keeps running."""
    keeper, signals, _ = running
    ticks = 0

    async def broken(stop: asyncio.Event) -> None:
        raise ValueError("always")

    async def steady(stop: asyncio.Event) -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            await asyncio.sleep(0.01)

    task = asyncio.create_task(keeper.run({"broken": broken, "steady": steady}))
    async with asyncio.timeout(10):
        while ticks <= 10 or signals.counts["daemon_restarts{loop=broken}"] < 2:
            await asyncio.sleep(0.01)
    keeper.stop.set()
    await asyncio.wait_for(task, 2)


async def test_a_loop_that_hangs_is_cancelled(
    running: tuple[loops.Loops, MemorySignals, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop is bounded in time even when a loop does not listen."""
    keeper, _, _ = running
    monkeypatch.setattr(loops, "STOP_WITHIN", 0.1)

    async def deaf(stop: asyncio.Event) -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(keeper.run({"deaf": deaf}))
    await asyncio.sleep(0.05)
    keeper.stop.set()
    await asyncio.wait_for(task, 2)
    assert task.done()


def test_silence_of_a_role_is_a_problem(tmp_path: Path) -> None:
    """A role that never wrote, or wrote long ago, is named in a sentence."""
    old = health.RoleHealth("notify", 1, 0, ())
    health.write(tmp_path, old)
    seen = health.read(tmp_path, ("notify", "console"), 60_000_000)
    assert not seen.ready
    assert seen.problems == ("notify has not been heard of for 60 s", "console has not started")


async def test_a_loop_tells_its_trouble(
    running: tuple[loops.Loops, MemorySignals, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in ``trouble`` of a running loop is in health within a beat, and gone with it."""
    keeper, _, folder = running

    class Troubled:
        trouble = ""

        async def __call__(self, stop: asyncio.Event) -> None:
            await stop.wait()

    loop = Troubled()
    task = asyncio.create_task(keeper.run({"trim": loop}))
    for trouble, problems in (("no room", ("collect: no room",)), ("", ())):
        loop.trouble = trouble
        await asyncio.sleep(1.2)
        seen = health.read(folder, ("collect",), SystemClock().now())
        assert seen.up and seen.problems == problems
    keeper.stop.set()
    await asyncio.wait_for(task, 2)
