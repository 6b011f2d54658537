"""A sender as a process of its own: started, watched, stopped by its own id; what it printed is told when something fails."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from programs import Program

T = TypeVar("T")
HANOI = "ICT-7"
"""TZ of senders that write local times: UTC+7, written so that it needs no zone files."""


class Running:
    """``with Running(program, ["-n"], folder) as sender``: gets ``ending`` at the end, killed when that does not stop it."""

    def __init__(
        self,
        program: Program,
        arguments: Sequence[str | Path],
        folder: Path,
        *,
        ending: signal.Signals = signal.SIGTERM,
        **environment: str,
    ) -> None:
        self.ending = ending
        self.line = [str(program.path), *map(str, arguments)]
        self.environment = {**os.environ, "TZ": HANOI, "LC_ALL": "C.UTF-8", **program.environment, **environment}
        self.folder = folder
        self.printed = folder / f"{program.path.name}.printed.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Running":
        with self.printed.open("ab") as out:
            self.process = subprocess.Popen(
                self.line, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.ending)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def until(self, what: str, condition: Callable[[], T], limit: float = 30.0) -> T:
        """As ``until``; fails at once with what was printed when the process ends."""

        def look() -> T:
            assert self.process is not None and self.process.poll() is None, f"{self.line[0]} ended:\n{self.told()}"
            return condition()

        try:
            return until(what, look, limit)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.line[0]} printed:\n{self.told()}") from None

    def told(self) -> str:
        return self.printed.read_text("utf-8", "replace")[-3000:]


def until(what: str, condition: Callable[[], T], limit: float = 60.0) -> T:
    """What ``condition`` gives once it gives something; AssertionError after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{limit:.0f} s were not enough: {what}"
        time.sleep(0.1)
    return found


def once(program: Program, *arguments: str | Path, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``program`` to its end. AssertionError with its words when it fails."""
    line = [str(program.path), *map(str, arguments)]
    variables: dict[str, Any] = {**os.environ, "TZ": HANOI, "LC_ALL": "C.UTF-8", **program.environment, **environment}
    done = subprocess.run(line, input=given, env=variables, capture_output=True, timeout=120)
    assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stderr.decode('utf-8', 'replace')}"
    return done
