"""Health of the roles, as files in ``var/run/health/``: each role writes its own every second, anyone may read them."""

import os
from pathlib import Path

import msgspec

from model import Micros
from model.moment import SECOND

STALE: Micros = 10 * SECOND
"""A role that has not written for this long is taken for hung or dead."""


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
    """Replace the role's file in one step."""
    temporary = folder / f".{health.role}.{os.getpid()}"
    temporary.write_bytes(msgspec.json.encode(health))
    temporary.replace(folder / f"{health.role}.json")


def read(folder: Path, expected: tuple[str, ...], now: Micros) -> Health:
    """What the roles in ``expected`` say of themselves at ``now``."""
    roles: list[RoleHealth] = []
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
    return Health(ready=not problems, problems=tuple(problems), roles=tuple(roles))
