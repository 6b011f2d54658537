"""Loops of one process: started together, restarted with backoff when they crash, stopped together."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import structlog

from backbone.ports import Clock
from backbone.signals import Signals
from daemon.health import LoopHealth, RoleHealth, write
from model import FullError

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set and everything in hand is durable. One with an attribute ``trouble`` tells health what is wrong."""

FIRST_WAIT, LONGEST_WAIT, CALM = 0.5, 30.0, 60.0
SUPERVISOR = "VONGGAC_SUPERVISOR"
"""Environment variable with the process id of the supervisor: a role whose supervisor is gone stops by itself."""
STOP_WITHIN = 8.0
"""Seconds a loop has to finish after stop; below the supervisor's 10."""


class Loops:
    """Runs named loops until ``stop`` is set; a loop that ends or raises before that is started again."""

    def __init__(self, role: str, folder: Path, clock: Clock, signals: Signals) -> None:
        self.stop = asyncio.Event()
        self._role, self._folder, self._clock, self._signals = role, folder, clock, signals
        self._states: dict[str, LoopHealth] = {}
        self._loops: Mapping[str, Loop] = {}
        self._unwritten = False
        self._log = structlog.get_logger()

    async def run(self, loops: Mapping[str, Loop]) -> None:
        """Run all of ``loops``; returns when all have stopped. SIGTERM and SIGINT set ``stop``."""
        self._loops = loops
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, self.stop.set)
        for name in loops:
            self._say(name, "starting")
        tasks = [asyncio.create_task(self._keep(name, loop), name=name) for name, loop in loops.items()]
        beat = asyncio.create_task(self._beat())
        await self.stop.wait()
        _, late = await asyncio.wait(tasks, timeout=STOP_WITHIN)
        for task in late:
            self._log.error("loop did not stop in time and was cancelled", loop=task.get_name(), seconds=STOP_WITHIN)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        beat.cancel()
        self._write()

    async def _keep(self, name: str, loop: Loop) -> None:
        wait = FIRST_WAIT
        while not self.stop.is_set():
            started = self._clock.now()
            self._say(name, "running")
            try:
                await loop(self.stop)
                error = "" if self.stop.is_set() else "it ended by itself"
            except asyncio.CancelledError:
                raise
            except Exception as crash:
                error = f"{type(crash).__name__}: {crash}"
                full = isinstance(crash, FullError)
                self._log.error("loop crashed", loop=name, error=error, exc_info=not full)
            if self.stop.is_set():
                break
            self._signals.count("daemon_restarts", loop=name)
            if self._clock.now() - started > CALM * 1_000_000:
                wait = FIRST_WAIT
            self._say(name, "restarting", error)
            await self._pause(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
            wait = min(wait * 2, LONGEST_WAIT)
        self._say(name, "stopped")

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return

    def _say(self, name: str, state: str, error: str = "") -> None:
        before = self._states.get(name)
        restarts = (before.restarts if before else 0) + (state == "restarting")
        kept = error or (before.error if before and state == "running" else "")
        self._states[name] = LoopHealth(name, state, self._clock.now(), restarts, kept)
        self._signals.level("daemon_loop_up", state == "running", loop=name)
        self._write()

    async def _beat(self) -> None:
        supervisor = int(os.environ.get(SUPERVISOR, "0"))
        while True:
            await asyncio.sleep(1.0)
            self._write()
            if supervisor and os.getppid() != supervisor and not self.stop.is_set():
                self._log.error("the supervisor is gone; stopping")
                self.stop.set()

    def _told(self, health: LoopHealth) -> LoopHealth:
        return msgspec.structs.replace(health, trouble=getattr(self._loops.get(health.name), "trouble", ""))

    def _write(self) -> None:
        try:
            write(
                self._folder,
                RoleHealth(self._role, os.getpid(), self._clock.now(), tuple(map(self._told, self._states.values()))),
            )
            self._unwritten = False
        except OSError as error:
            if not self._unwritten:
                self._log.error("health_not_written", folder=str(self._folder), error=error.strerror or str(error))
            self._unwritten = True


def every(seconds: float, act: Callable[[], Awaitable[object]]) -> Loop:
    """A loop that does ``act`` every so many seconds."""

    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            await act()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)

    return run
