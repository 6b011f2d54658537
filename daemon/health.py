"""Health of the roles, as files in ``var/run/health/``: each role writes its own every second, anyone may read them."""

import shutil
from pathlib import Path

import msgspec

from model import Micros
from model.moment import SECOND

STALE: Micros = 10 * SECOND
"""A role that has not written for this long is taken for hung or dead."""


ROOM = 8 * 2**20
"""Bytes free on the disk below which it is called full."""


class LoopHealth(msgspec.Struct, frozen=True):
    """One loop of a role. ``state``: ``starting``, ``running``, ``restarting`` or ``stopped``; ``since`` when it got there."""

    name: str
    state: str
    since: Micros
    restarts: int = 0
    error: str = ""


class RoleHealth(msgspec.Struct, frozen=True):
    """One process."""

    role: str
    pid: int
    at: Micros
    loops: tuple[LoopHealth, ...]


class Health(msgspec.Struct, frozen=True):
    """All roles together. ``problems`` says in sentences what is wrong; empty means healthy."""

    ready: bool
    problems: tuple[str, ...]
    roles: tuple[RoleHealth, ...]


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
    free = shutil.disk_usage(folder).free if folder.is_dir() else ROOM
    problems = [f"the disk of {folder} is full ({free // 2**20} MiB free); make room, nothing is read until then"] * (free < ROOM)
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
    return Health(ready=not problems, problems=tuple(problems), roles=tuple(roles))
