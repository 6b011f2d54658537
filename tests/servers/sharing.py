"""One server for all workers of a test run: the first that needs it starts it, the end of the run ends it."""

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from tests.servers.elastic import Elasticsearch
from tests.servers.kafka import Kafka
from tests.servers.process import DownError


class Server(Protocol):
    """What is shared. ``start`` may be called on one that runs."""

    folder: Path

    def start(self) -> None: ...

    def close(self) -> None: ...


S = TypeVar("S", bound=Server)


def shared(root: Path, name: str, make: Callable[[], S], load: Callable[[Path], S]) -> S:
    """The server ``name`` of the run whose folder is ``root``, running. One that did not start once is not tried again."""
    root.mkdir(parents=True, exist_ok=True)
    known, broken = root / f"{name}.folder", root / f"{name}.broken"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if broken.exists():
            raise DownError(broken.read_text("utf-8"))
        if known.exists():
            return load(Path(known.read_text("utf-8")))
        try:
            server = make()
            known.write_text(str(server.folder), "utf-8")
            server.start()
        except DownError as down:
            broken.write_text(str(down), "utf-8")
            raise
        return server


def close_all(root: Path) -> None:
    """End every server shared under ``root``."""
    for known in sorted(root.glob("*.folder")):
        load = Kafka.load if known.stem == "kafka" else Elasticsearch.load
        load(Path(known.read_text("utf-8"))).close()
        known.unlink()
