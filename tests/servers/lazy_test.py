"""The clients of Kafka and Elasticsearch cost nothing to those who use neither."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROLES = sorted(f"daemon.wiring.{p.stem}" for p in (ROOT / "daemon/wiring").glob("*.py") if p.stem != "__init__")


@pytest.mark.parametrize("modules", [["daemon.cli"], ROLES], ids=["command line", "wiring"])
def test_not_imported(modules: list[str]) -> None:
    """The command line and the wiring of every role load neither client; an adapter is imported where settings name it."""
    script = f"import sys, {', '.join(modules)}; print(*{{'aiokafka', 'elasticsearch', 'cramjam'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
