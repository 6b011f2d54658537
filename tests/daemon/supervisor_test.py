"""The supervisor, with small scripts as its roles."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from daemon import supervisor
from daemon.load import Configuration, load
from daemon.supervisor import Supervisor, check_ports, lock
from model import ConfigError, ProblemsError

ROLE = """
import os, signal, sys, time, pathlib
folder = pathlib.Path({folder!r})
with (folder / "starts.txt").open("a") as stream:
    stream.write(f"{{sys.argv[1]}} {{os.getpid()}}\\n")
{body}
"""
WAITS = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(60)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


class Scripted(Supervisor):
    """Starts scripts in place of roles."""

    def __init__(self, configuration: Configuration, scripts: dict[str, str]) -> None:
        self.told: list[str] = []
        self.folder = configuration.folder
        self.scripts = scripts
        super().__init__(configuration, list(scripts), self.told.append)

    def command(self, role: str) -> tuple[str, ...]:
        return (sys.executable, "-c", ROLE.format(folder=str(self.folder), body=self.scripts[role]), role)

    def starts(self, role: str) -> list[int]:
        """Process ids of the starts of ``role``."""
        try:
            lines = (self.folder / "starts.txt").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [int(pid) for name, pid in map(str.split, lines) if name == role]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(supervisor, "FIRST_WAIT", 0.1)
    yield
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


async def started(runs: Scripted, role: str, times: int = 1) -> None:
    for _ in range(400):
        if len(runs.starts(role)) >= times:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{role} started {len(runs.starts(role))} times: {runs.told}")


async def test_a_role_that_ends_is_started_again_slower_and_slower(config: Path) -> None:
    """A crash is told in a sentence with the code and restarted, each wait twice as long; the others keep running."""
    runs = Scripted(load(config), {"collect": "sys.exit(3)", "notify": WAITS})
    task = asyncio.create_task(runs.run())
    await started(runs, "collect", 3)
    await started(runs, "notify")
    assert runs.told[:2] == [
        "collect ended with code 3; starting it again in 0.1 s",
        "collect ended with code 3; starting it again in 0.2 s",
    ]
    assert len(runs.starts("notify")) == 1 and not runs.failed
    runs.stop.set()
    await asyncio.wait_for(task, 5)
    assert not any(psutil.pid_exists(pid) for pid in runs.starts("notify"))


async def test_a_role_killed_is_started_again(config: Path) -> None:
    """kill -9 of a role (or the kernel short of memory) is a restart like any other."""
    runs = Scripted(load(config), {"collect": WAITS})
    task = asyncio.create_task(runs.run())
    await started(runs, "collect")
    os.kill(runs.starts("collect")[0], signal.SIGKILL)
    await started(runs, "collect", 2)
    assert runs.told == ["collect ended with code -9; starting it again in 0.1 s"]
    runs.stop.set()
    await asyncio.wait_for(task, 5)


async def test_a_wrong_configuration_stops_everything(config: Path) -> None:
    """A role that exits with 2 cannot be helped by starting it again: all stop, and it is said which."""
    runs = Scripted(load(config), {"notify": WAITS, "collect": "time.sleep(0.3); sys.exit(2)"})
    await asyncio.wait_for(runs.run(), 10)
    assert runs.failed == "collect cannot start with this configuration"
    assert len(runs.starts("collect")) == 1
    assert not any(psutil.pid_exists(pid) for pid in runs.starts("notify"))


async def test_a_deaf_role_is_killed_in_time(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that ignores the signal does not keep the others or the person waiting; it is said."""
    monkeypatch.setattr(supervisor, "STOP_WITHIN", 0.5)
    runs = Scripted(load(config), {"collect": DEAF, "notify": WAITS})
    task = asyncio.create_task(runs.run())
    await started(runs, "collect")
    await started(runs, "notify")
    await asyncio.sleep(0.3)
    begun = time.monotonic()
    runs.stop.set()
    await asyncio.wait_for(task, 5)
    assert time.monotonic() - begun < 2
    assert [t.startswith("collect did not stop within") for t in runs.told] == [True]
    assert not any(psutil.pid_exists(pid) for pid in runs.starts("collect"))


async def test_a_role_started_in_the_moment_of_the_stop_ends_too(config: Path) -> None:
    """The stop comes while a child is being made: it is not forgotten."""
    runs = Scripted(load(config), {"collect": WAITS})
    task = asyncio.create_task(runs.run())
    await asyncio.sleep(0)
    runs.stop.set()
    await asyncio.wait_for(task, 5)
    assert not any(psutil.pid_exists(pid) for pid in runs.starts("collect"))


async def test_no_room_for_a_process_is_told_and_tried_again(config: Path) -> None:
    """When the system cannot start a process the role is tried again instead of forgotten."""
    runs = Scripted(load(config), {"collect": WAITS})
    runs.command = lambda role: ("/nowhere/python",)  # type: ignore[method-assign]
    task = asyncio.create_task(runs.run())
    while not runs.told:
        await asyncio.sleep(0.01)
    assert runs.told == ["collect could not be started; starting it again in 0.1 s"]
    del runs.command  # type: ignore[method-assign]
    await started(runs, "collect")
    runs.stop.set()
    await asyncio.wait_for(task, 5)


def test_all_of_it_fits_in_ten_seconds() -> None:
    """Loops are cancelled, then roles killed, before ten seconds are over."""
    from daemon import loops

    assert loops.STOP_WITHIN < supervisor.STOP_WITHIN < 10


def test_one_installation_runs_once(tmp_path: Path) -> None:
    """A second start on the same data says which process holds it; after the first is gone the way is free."""
    held = lock(tmp_path)
    with pytest.raises(ConfigError, match=rf"already runs here \(pid {os.getpid()}\); stop it, or set another VONGGAC_HOME"):
        lock(tmp_path)
    held.close()
    lock(tmp_path).close()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """kill -9 leaves no lock behind."""
    hold = "import sys, time, pathlib, daemon.supervisor as s\n"
    hold += "x = s.lock(pathlib.Path(sys.argv[1]))\nprint(1, flush=True)\ntime.sleep(60)"
    line = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(line, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline()
        with pytest.raises(ConfigError, match=f"pid {child.pid}"):
            lock(tmp_path)
        child.kill()
    lock(tmp_path).close()


def test_taken_ports_are_named_with_their_lines(config: Path) -> None:
    """Every address that is taken, needs more rights or is not of this machine is told at once, with line and remedy."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        ports = tcp.getsockname()[1], udp.getsockname()[1]
        text = config.read_text("utf-8").replace("5514", str(ports[0]))
        text += f'    - {{name: u, type: syslog_udp, listen: "127.0.0.1:{ports[1]}"}}\n'
        text += '    - {name: x, type: http, listen: "192.0.2.77:8088"}\n'
        text += 'console: {listen: "127.0.0.1:0"}\nnational: {listen: "127.0.0.1:0"}\n'
        config.write_text(text, "utf-8")
        with pytest.raises(ProblemsError) as caught:
            check_ports(load(config))
    said = [str(p).removeprefix(str(config)) for p in caught.value.problems]
    assert said[0].startswith(f":5: cannot listen on 127.0.0.1:{ports[0]}: another program uses it; stop it (`ss -lp")
    assert said[1].startswith(f":6: cannot listen on 127.0.0.1:{ports[1]}: another program uses it")
    assert said[2].startswith(":7: cannot listen on 192.0.2.77:8088: Cannot assign requested address")
    assert len(said) == 3
