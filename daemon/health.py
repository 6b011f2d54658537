"""Health of the roles, as files in ``var/run/health/``: each role writes its own every second, anyone may read them."""

import shutil
from pathlib import Path

import msgspec

from model import Micros
from model.moment import SECOND

STALE: Micros = 10 * SECOND
"""A role that has not written for this long is taken for hung or dead."""


ROOM = 8 * 2**20
"""Bytes free on the disk below which it is called full; on a small one the twentieth part of it, half of what the log leaves."""


class LoopHealth(msgspec.Struct, frozen=True):
    """One loop of a role. ``state``: ``starting``, ``running``, ``restarting`` or ``stopped``; ``since`` when it got there.

    ``trouble`` is what keeps a running loop from its work."""

    name: str
    state: str
    since: Micros
    restarts: int = 0
    error: str = ""
    trouble: str = ""


class RoleHealth(msgspec.Struct, frozen=True):
    """One process."""

    role: str
    pid: int
    at: Micros
    loops: tuple[LoopHealth, ...]


class Health(msgspec.Struct, frozen=True):
    """All roles together. ``problems`` says in sentences what is wrong; empty means healthy.

    ``up`` when every loop runs, even if the disk has no room: what drains it must not be stopped for that.
    """

    ready: bool
    problems: tuple[str, ...]
    roles: tuple[RoleHealth, ...]
    up: bool = True


def write(folder: Path, health: RoleHealth) -> None:
    """Replace the role's file in one step; on a full disk write over the old one, which has its blocks. OSError."""
    content, temporary, file = msgspec.json.encode(health), folder / f".{health.role}", folder / f"{health.role}.json"
    try:
        temporary.write_bytes(content)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        with file.open("r+b") as stream:
            stream.write(content)
            stream.truncate()


def read(folder: Path, expected: tuple[str, ...], now: Micros) -> Health:
    """What the roles in ``expected`` say of themselves at ``now``."""
    roles: list[RoleHealth] = []
    troubles = [_full(folder)] if folder.is_dir() else []
    problems: list[str] = []
    for role in expected:
        try:
            health = msgspec.json.decode((folder / f"{role}.json").read_bytes(), type=RoleHealth)
        except (OSError, msgspec.DecodeError):
            problems.append(f"{role} has not started")
            continue
        roles.append(health)
        if now - health.at > STALE:
            problems.append(f"{role} has not been heard of for {(now - health.at) // SECOND} s")
        for loop in health.loops:
            if loop.state != "running":
                why = f": {loop.error}" if loop.error else ""
                problems.append(f"{role}: loop {loop.name} is {loop.state}{why}")
            elif loop.trouble:
                troubles.append(f"{role}: {loop.trouble}")
    told = (*filter(None, troubles), *problems)
    return Health(ready=not told, problems=told, roles=tuple(roles), up=not problems)


def _full(folder: Path) -> str:
    disk = shutil.disk_usage(folder)
    if disk.free >= min(ROOM, disk.total // 20):
        return ""
    return f"the disk of {folder} is full ({disk.free // 2**20} MiB free); make room, nothing is read until then"
