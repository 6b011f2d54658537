"""The fixtures: marked by themselves, one shared server for all workers, a printed reason where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.servers import outside
from tests.servers.kafka import READY

ROOT = Path(__file__).parents[2]
PLAIN = ["tests/servers/kafka_test.py::test_plain", "tests/servers/elastic_test.py::test_plain"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own. An empty value takes a variable away."""
    variables = {"VONGGAC_CI": "", "KAFKA_BOOTSTRAP": "", "ELASTICSEARCH_URL": "", "JAVA_HOME": ""} | environment
    kept = {k: v for k, v in {**os.environ, **variables}.items() if v and not k.startswith("PYTEST_")}
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(line, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_marked() -> None:
    """make test-fast takes no test that uses a server, whether its author marked it or not."""
    told = run("--collect-only", "-q", "-m", "not server", "tests/servers").stdout
    assert "fetch_test.py" in told
    for file in ("kafka_test.py", "elastic_test.py"):
        assert file not in told


@pytest.mark.slow
def test_without_java(tmp_path: Path) -> None:
    """Skipped, with what to install; in CI the same is a failure."""
    told = run(*PLAIN, PATH=str(tmp_path)).stdout
    assert "2 skipped" in told
    assert "apt-get install default-jre-headless" in told
    told = run(*PLAIN, PATH=str(tmp_path), VONGGAC_CI="1").stdout
    assert "skipped in CI: " in told
    assert "2 failed" in told or "2 errors" in told, told


@pytest.mark.slow
def test_outside_servers_are_not_broken() -> None:
    """With KAFKA_BOOTSTRAP and ELASTICSEARCH_URL nothing is killed, and the reason is printed."""
    chosen = ("tests/servers", "-k", "killed_broker or killed_node or three_nodes or secure")
    told = run(*chosen, KAFKA_BOOTSTRAP="127.0.0.1:1", ELASTICSEARCH_URL="http://127.0.0.1:1").stdout
    assert "KAFKA_BOOTSTRAP is set" in told
    assert "ELASTICSEARCH_URL is set" in told
    assert "9 skipped" in told, told


def test_outside_password() -> None:
    """The password in ELASTICSEARCH_URL goes to the client and is in nothing that is printed."""
    server = outside.Elasticsearch("https://elastic:p%40ss@search.example:9200/x")
    assert server.client() == {"hosts": ["https://search.example:9200/x"], "basic_auth": ("elastic", "p@ss")}
    assert "p@ss" not in f"{server!r} {server.url}"


@pytest.mark.server
@pytest.mark.slow
def test_two_workers_share_one(tmp_path: Path) -> None:
    """Two workers, one broker, started once; at the end none is left."""
    chosen = ("-v", "-n", "2", "tests/servers/kafka_test.py", "-m", "not slow", "--basetemp", str(tmp_path / "run"))
    told = run(*chosen).stdout
    assert "7 passed" in told, told
    assert "[gw0]" in told
    assert "[gw1]" in told
    folder = tmp_path / "run/servers"
    assert (folder / "kafka/1.log").read_text().count(READY) == 1
    assert not list(folder.glob("*.folder"))
    lines = [
        " ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["name", "cmdline"]) if one.info["name"] == "java"
    ]
    assert not any(str(folder) in line for line in lines)
