"""The clients of Kafka and Elasticsearch cost nothing to those who use neither."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROLES = sorted(
    f"daemon.wiring.{p.stem}" for p in (ROOT / "daemon/wiring").glob("*.py") if not p.stem.startswith(("__init__", "far"))
)
"""The modules of the embedded house; ``far*`` are imported where the settings name many machines."""


@pytest.mark.parametrize("modules", [["daemon.cli"], ROLES], ids=["command line", "wiring"])
def test_not_imported(modules: list[str]) -> None:
    """The command line and the wiring of the embedded roles load neither client."""
    script = f"import sys, {', '.join(modules)}; print(*{{'aiokafka', 'elasticsearch', 'cramjam'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
