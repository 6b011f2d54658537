"""A broker to share, and clusters of a test's own to break."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def broker() -> str:
    """``host:port`` of a running broker nobody breaks."""
    if "KAFKA_BOOTSTRAP" not in os.environ:
        pytest.skip("KAFKA_BOOTSTRAP names no broker")
    return os.environ["KAFKA_BOOTSTRAP"]


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes and starts a cluster of this test alone: ``own_kafka(nodes=1, valid_days=30)``."""
    from tests.servers.kafka import Kafka

    made: list[Any] = []

    def make(nodes: int = 1, valid_days: int = 30, **settings: Any) -> Any:
        made.append(Kafka.make(tmp_path / f"kafka-{len(made)}", nodes, valid_days, **settings))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.close()
