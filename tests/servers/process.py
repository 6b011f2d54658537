"""A server process in the background: started apart from us, known by its pid, ended when its session is gone."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

SESSION = "VONGGAC_TEST_SESSION"  # pid of the process whose end must end all servers
_APART = 'log=$1; shift; "$@" >>"$log" 2>&1 </dev/null & echo $!'
_GUARD = """
while kill -0 "$1" 2>/dev/null; do [ -d "$2" ] || exit 0; sleep 1; done
for _ in $(seq 60); do  # it may be starting and have no pid yet
  pid=$(cat "$3" 2>/dev/null)
  if [ -n "$pid" ] && grep -aqF -- "$2" "/proc/$pid/cmdline" 2>/dev/null; then kill -9 "$pid"; break; fi
  [ -e "$4" ] || break
  sleep 1
done
[ -z "$5" ] || rm -rf -- "$5"
"""


class DownError(RuntimeError):
    """A server did not do what it was told in time; the text ends with the tail of its log."""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, below those the kernel gives to outgoing connections: a killed server gets its port back."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        for port in random.sample(range(20_000, 32_000), 2_000):
            one = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise DownError(f"no {count} free ports on 127.0.0.1 between 20000 and 32000")


def tail(log: Path, characters: int = 3000) -> str:
    return log.read_text("utf-8", "replace")[-characters:] if log.exists() else "(no log)"


def wait(what: str, done: Callable[[], bool], seconds: float, log: Path) -> None:
    """Until ``done``; DownError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise DownError(f"{what}: not within {seconds:g} s; {log} ends with\n{tail(log)}")
        time.sleep(0.03)


def run_apart(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> int:
    """Start ``command`` so that neither our end nor Ctrl-C ends it; return its pid."""
    shell = ["sh", "-c", _APART, "sh", str(log), *command]
    done = subprocess.run(shell, env=environment, stdout=subprocess.PIPE, start_new_session=True, check=True)
    return int(done.stdout)


class Process:
    """The process whose pid stands in ``file``; any process of this machine may hold it."""

    def __init__(self, what: str, file: Path, log: Path) -> None:
        self.what, self.file, self.log, self._guarded = what, file, log, False

    @property
    def pid(self) -> int:
        """0 when it was never started or was ended by us."""
        return int(self.file.read_text() or 0) if self.file.exists() else 0

    def alive(self) -> bool:
        """A zombie is dead: whoever adopted it may never reap it."""
        try:
            return bool(self.pid) and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def guard(self, folder: Path, told: Path | None = None, remove: bool = False) -> None:
        """Call before it starts: kill -9 it when the session ends without ending it, and perhaps ``remove`` its folder.

        ``folder`` is on its command line. ``told`` is where it writes its pid itself, some time after its start.
        """
        if not self._guarded:
            self._guarded = True
            owner, gone = os.environ.get(SESSION) or str(os.getpid()), str(folder) if remove else ""
            files = (str(told or self.file), str(folder if told else os.devnull + "/none"))
            run_apart(["sh", "-c", _GUARD, "sh", owner, str(folder), *files, gone], Path(os.devnull))

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def pause(self) -> None:
        """SIGSTOP, and wait until it has reached every thread: on a busy machine one may still answer a request."""
        self.send(signal.SIGSTOP)
        threads = Path(f"/proc/{self.pid}/task")
        wait(f"{self.what} is paused", lambda: all(_state(one) in "tT" for one in threads.iterdir()), 10.0, self.log)

    def end(self, number: signal.Signals, seconds: float = 30.0) -> None:
        """Send ``number`` and wait until it is gone; nothing when it is not there."""
        if self.alive():
            self.send(signal.SIGCONT)
            self.send(number)
            wait(f"{self.what} does not end on {number.name}", lambda: not self.alive(), seconds, self.log)
        self.file.unlink(missing_ok=True)


def _state(thread: Path) -> str:
    """The kernel's letter for what a thread does; one that has just ended counts as stopped."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return (thread / "stat").read_text().rpartition(")")[2].split()[0]
    return "T"
