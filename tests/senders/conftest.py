"""A whole house for the senders of one file, on ports and in a folder of its own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.house import House

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Running, with every collector that listens."""
    with House(tmp_path_factory.mktemp("house")) as running:
        yield running
