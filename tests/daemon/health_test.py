"""Health of the roles."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from daemon import health
from daemon.health import STALE, LoopHealth, RoleHealth, read, write
from model.moment import SECOND

usage = namedtuple("usage", "total used free")
NOW = 1_795_248_000 * SECOND


def role(name: str, at: int = NOW, *loops: LoopHealth) -> RoleHealth:
    return RoleHealth(name, os.getpid(), at, loops or (LoopHealth("a", "running", at),))


def test_all_run(tmp_path: Path) -> None:
    """Roles that wrote lately and whose loops run are ready, without a problem."""
    for name in ("collect", "notify"):
        write(tmp_path, role(name))
    seen = read(tmp_path, ("collect", "notify"), NOW + STALE)
    assert seen.ready and seen.problems == () and [r.role for r in seen.roles] == ["collect", "notify"]


def test_what_is_wrong_is_a_sentence_each(tmp_path: Path) -> None:
    """A role that never wrote, one that stopped writing, a loop that restarts with its reason, a damaged file."""
    write(tmp_path, role("collect", NOW - 2 * STALE))
    write(
        tmp_path,
        role("notify", NOW, LoopHealth("deliver", "restarting", NOW, 3, "OSError: no route"), LoopHealth("b", "starting", 0)),
    )
    (tmp_path / "console.json").write_bytes(b'{"role": "cons')
    seen = read(tmp_path, ("collect", "notify", "console", "national"), NOW)
    assert not seen.ready
    assert seen.problems == (
        "collect has not been heard of for 20 s",
        "notify: loop deliver is restarting: OSError: no route",
        "notify: loop b is starting",
        "console has not started",
        "national has not started",
    )


def test_writing_is_one_step(tmp_path: Path) -> None:
    """A reader never meets half a file, and nothing else is left behind; roles not asked for say nothing."""
    for n in range(50):
        write(tmp_path, role("collect", NOW + n))
        assert read(tmp_path, ("collect",), NOW).ready
    assert [f.name for f in tmp_path.iterdir()] == ["collect.json"]
    assert read(tmp_path, (), NOW).ready


def test_a_full_disk_is_a_problem_and_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room the old file is written over; who reads is told that the disk is full."""
    write(tmp_path, role("collect", NOW - 100 * SECOND))

    def full(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    write(tmp_path, role("collect"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 0, health.ROOM - 1))
    seen = read(tmp_path, ("collect",), NOW)
    assert not seen.ready and len(seen.problems) == 1
    assert seen.problems[0].startswith(f"the disk of {tmp_path} is full (")
    assert seen.up
    assert [p.name for p in tmp_path.iterdir()] == ["collect.json"]


def test_a_small_disk_is_not_full_while_the_log_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk of 48 MiB is called full below a twentieth of it, not while the log still takes records."""
    write(tmp_path, role("collect"))
    for free, ready in ((5 << 20, True), (2 << 20, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage(48 << 20, 0, free))
        assert read(tmp_path, ("collect",), NOW).ready is ready


def test_the_trouble_of_a_running_loop(tmp_path: Path) -> None:
    """A loop that runs but cannot do its work makes the house not ready, with its sentence; it is up all the same."""
    write(tmp_path, role("collect", NOW, LoopHealth("trim", "running", NOW, trouble="No room for log.db")))
    seen = read(tmp_path, ("collect",), NOW)
    assert not seen.ready and seen.up and seen.problems == ("collect: No room for log.db",)
    assert not read(tmp_path, ("collect", "notify"), NOW).up
