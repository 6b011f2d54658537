"""A server's process: it ends when told, and when the session that started it is gone without telling."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.servers.process import SESSION, DownError, Process, free_ports, run_apart, wait


def started(folder: Path, *command: str) -> Process:
    one = Process("sleeper", folder / "pid", folder / "log")
    one.file.write_text(str(run_apart(command, one.log)))
    return one


def gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_end(tmp_path: Path) -> None:
    """SIGTERM ends it, also when it is paused; a second time is nothing."""
    one = started(tmp_path, "sleep", "60")
    pid = one.pid
    assert one.alive()
    one.pause()
    one.end(signal.SIGTERM)
    assert gone(pid, 0)
    assert not one.alive()
    one.end(signal.SIGTERM)


def test_what_does_not_end_is_told(tmp_path: Path) -> None:
    """One that ignores SIGTERM: an error in time, with the end of its log."""
    one = started(tmp_path, "sh", "-c", "trap '' TERM; echo I stay; while :; do sleep 0.1; done")
    wait("sleeper speaks", lambda: "I stay" in one.log.read_text(), 10, one.log)
    with pytest.raises(DownError, match="I stay"):
        one.end(signal.SIGTERM, 0.3)
    one.end(signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True], ids=["running", "starting"])
def test_session_killed(tmp_path: Path, late: bool) -> None:
    """kill -9 of the session: the server ends within seconds and its folder goes, though it had told no pid yet."""
    folder = tmp_path / "server"
    folder.mkdir()
    script = f"""
import time
from pathlib import Path
from tests.servers.process_test import Process, started
folder = Path({str(folder)!r})
Process("sleeper", folder / "pid", folder / "log").guard(folder, folder / "told", remove=True)
one = started(folder, "tail", "-f", str(folder / "log"))
print("up", flush=True)
time.sleep(60)
"""
    environment = {key: value for key, value in os.environ.items() if key != SESSION}
    root = Path(__file__).parents[2]
    line = [sys.executable, "-c", script]
    with subprocess.Popen(line, cwd=root, env=environment, stdout=subprocess.PIPE) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"up\n"
        pid = int((folder / "pid").read_text())
        if not late:
            (folder / "told").write_text(str(pid))
        session.kill()
    if late:
        assert not gone(pid, 2.5)
        (folder / "told").write_text(str(pid))
    assert gone(pid, 10)
    wait("the folder goes", lambda: not folder.exists(), 5, tmp_path / "none")


def test_ports() -> None:
    """Different ones, below those of outgoing connections."""
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert max(ports) < 32_768
