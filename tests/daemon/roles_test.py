"""A role as a process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemon import keys

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_role_says_only_what_it_means(config: Path) -> None:
    """A role told to stop ends with code 0, and every line it wrote is its own log: no library complains at the end."""
    home = config.parent / "var"
    with config.open("a", encoding="utf-8") as file:
        file.write('console: {listen: "127.0.0.1:0"}\n')
    role = subprocess.Popen(
        [sys.executable, "-m", "daemon.cli", "console", "--config", str(config)],
        cwd=ROOT,
        stderr=subprocess.STDOUT,
        stdout=-1,
        env=os.environ | {"VONGGAC_HOME": str(home)},
    )
    deadline = time.monotonic() + 60
    while not (home / "run/health/console.json").exists():
        assert time.monotonic() < deadline and role.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    role.send_signal(signal.SIGTERM)
    said, _ = role.communicate(timeout=30)
    assert role.returncode == 0
    assert all(line.startswith(b"{") for line in said.splitlines()), said.decode()
    assert keys.read_token(home / "keys/console.key").reveal().encode() not in said
