"""One process a role: started, watched, restarted with backoff, stopped together within ten seconds."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from daemon.load import Configuration
from daemon.loops import SUPERVISOR
from daemon.settings import Listening, SyslogUdp
from daemon.units import split_address
from model import ConfigError, Problem, ProblemsError

FIRST_WAIT, LONGEST_WAIT, CALM = 0.5, 30.0, 60.0
STOP_WITHIN = 9.5
"""Seconds from the signal until a role that has not ended is killed."""
PATIENCE = 12.0
"""Seconds a starting role waits for another of its kind to end: longer than a stop takes."""
LAST_CHANCE = 0.4
"""Seconds the system has to end what was killed."""
CONFIG_EXIT = 2
"""Exit code of a role whose configuration is wrong: starting it again would not help."""


class Supervisor:
    """Runs ``roles`` as children of this process. ``tell`` shows a person one line."""

    def __init__(self, configuration: Configuration, roles: Sequence[str], tell: Callable[[str], None]) -> None:
        self.stop = asyncio.Event()
        self.failed = ""
        self._configuration, self._roles, self._tell = configuration, tuple(roles), tell
        self._children: dict[str, asyncio.subprocess.Process] = {}

    async def run(self) -> None:
        """Until SIGINT, SIGTERM or a role that cannot start; returns when no child is left."""
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, self.stop.set)
        keepers = [asyncio.create_task(self._keep(role)) for role in self._roles]
        await self.stop.wait()
        await self._end(keepers)

    async def _keep(self, role: str) -> None:
        clock, wait = asyncio.get_running_loop(), FIRST_WAIT
        while not self.stop.is_set():
            started = clock.time()
            code = await self._once(role)
            if self.stop.is_set():
                return
            if code == CONFIG_EXIT:
                self.failed = f"{role} cannot start with this configuration"
                self.stop.set()
                return
            if clock.time() - started > CALM:
                wait = FIRST_WAIT
            how = "could not be started" if code is None else f"ended with code {code}"
            self._tell(f"{role} {how}; starting it again in {wait:.1f} s")
            try:
                await asyncio.wait_for(self.stop.wait(), wait)
            except TimeoutError:
                wait = min(wait * 2, LONGEST_WAIT)

    def command(self, role: str) -> tuple[str, ...]:
        """What is started for ``role``."""
        return (sys.executable, "-P", "-m", "daemon.cli", role, "--config", str(self._configuration.file))

    async def _once(self, role: str) -> int | None:
        """Exit code of one run of ``role``; None when the system has no room for another process."""
        env = os.environ | {SUPERVISOR: str(os.getpid())} | _path()
        try:
            child = await asyncio.create_subprocess_exec(
                *self.command(role), stdin=asyncio.subprocess.DEVNULL, start_new_session=True, env=env
            )
        except OSError:
            return None
        self._children[role] = child
        return await child.wait()

    async def _end(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        """Ask every child to stop, one started this very moment too; kill what does not within STOP_WITHIN."""
        clock = asyncio.get_running_loop().time
        deadline, asked = clock() + STOP_WITHIN, set[int]()
        while (waiting := [k for k in keepers if not k.done()]) and clock() < deadline + LAST_CHANCE:
            late = clock() >= deadline
            for role, child in self._children.items():
                if child.returncode is None and (late or child.pid not in asked):
                    asked.add(child.pid)
                    (child.kill if late else child.terminate)()
                    if late:
                        self._tell(f"{role} did not stop within {STOP_WITHIN:.0f} s and was killed; nothing acknowledged is lost")
            await asyncio.wait(waiting, timeout=0.1)


def _path() -> dict[str, str]:
    """With ``-P`` the folder we were started in is no place to import from (it may have a ``model/`` of its own).

    A checkout that is not installed is then named to the child.
    """
    root = str(Path(__file__).parent.parent)
    if root in sys.path[1:]:
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))}


def lock(home: Path) -> IO[str]:
    """Hold the installation at ``home`` for this process. ConfigError when another one holds it."""
    stream = _hold(home / "lock")
    if isinstance(stream, str):
        raise ConfigError(f"{home}: vonggac already runs here (pid {stream}); stop it, or set another VONGGAC_HOME")
    return stream


def lock_role(home: Path, role: str, patience: float = PATIENCE) -> IO[str]:
    """Hold ``role`` at ``home``: two collectors would read the same files. Waits ``patience`` seconds for one that is ending
    (its supervisor was killed); then ConfigError."""
    deadline = time.monotonic() + patience
    while isinstance(stream := _hold(home / f"run/{role}.lock"), str):
        if time.monotonic() >= deadline:
            raise ConfigError(f"{home}: role {role} already runs here (pid {stream}); stop it, or set another VONGGAC_HOME")
        time.sleep(0.05)
    return stream


def _hold(file: Path) -> IO[str] | str:
    """The file locked until it is closed or this process ends, with our pid in it; or the pid of the process that holds it."""
    stream = file.open("a+", encoding="utf-8")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.seek(0)
        holder = stream.read().strip() or "unknown"
        stream.close()
        return holder
    with contextlib.suppress(OSError):  # a full disk: the lock holds without our name in it
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
    return stream


def check_ports(configuration: Configuration) -> None:
    """ProblemsError naming every address that is taken or is not one of this machine."""
    settings, lines = configuration.settings, configuration.lines
    wanted: list[tuple[tuple[str | int, ...], str, socket.SocketKind]] = [
        (("console", "listen"), settings.console.listen, socket.SOCK_STREAM)
    ]
    if settings.national.run:
        wanted.append((("national", "listen"), settings.national.listen, socket.SOCK_STREAM))
    for number, source in enumerate(settings.collector.sources):
        if isinstance(source, Listening):
            kind = socket.SOCK_DGRAM if isinstance(source, SyslogUdp) else socket.SOCK_STREAM
            wanted.append((("collector", "sources", number, "listen"), source.listen, kind))
    problems = []
    for path, address, kind in wanted:
        if reason := _taken(address, kind):
            problems.append(Problem(str(configuration.file), lines.of(path), f"cannot listen on {address}: {reason}"))
    if problems:
        raise ProblemsError(problems)


def _taken(address: str, kind: socket.SocketKind) -> str:
    host, port = split_address(address)
    try:
        family, _, protocol, _, place = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind, protocol) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except PermissionError:
        return "ports below 1024 need more rights; choose a higher one"
    except OSError as error:
        if error.errno == 98:
            return f"another program uses it; stop it (`ss -lp 'sport = :{port}'` shows which) or choose another port"
        return f"{error.strerror or error}"
    return ""
