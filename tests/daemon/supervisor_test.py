"""What keeps two of the same from running at one place."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from daemon.supervisor import lock, lock_role
from model import ConfigError

ROOT = Path(__file__).parents[2]


def test_one_installation_one_process(tmp_path: Path) -> None:
    """A second start is refused with the pid of the first; when that has ended, it is not."""
    held = lock(tmp_path)
    with pytest.raises(ConfigError, match=f"already runs here \\(pid {os.getpid()}\\)"):
        lock(tmp_path)
    held.close()
    lock(tmp_path).close()


def test_a_role_waits_for_its_like_to_end(tmp_path: Path) -> None:
    """A role whose forerunner is still stopping waits for it, so that no two collectors read one file."""
    (tmp_path / "run").mkdir()
    held = lock_role(tmp_path, "collect")
    lock_role(tmp_path, "correlate").close()
    with pytest.raises(ConfigError, match="role collect already runs here"):
        lock_role(tmp_path, "collect", patience=0.1)
    threading.Timer(0.3, held.close).start()
    begun = time.monotonic()
    lock_role(tmp_path, "collect", patience=5).close()
    assert 0.2 < time.monotonic() - begun < 2


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """The lock goes with the process, however it ended."""
    code = "import os, sys, pathlib, daemon.supervisor as s; held = s.lock(pathlib.Path(sys.argv[1])); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT).returncode == 9
    lock(tmp_path).close()
