"""What is fetched is whole or not there, also when many want it at once; what cannot be had says so."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import fetch

SLOW_MAKER = """
import sys, time
from pathlib import Path
from tests.servers import fetch
def make(pom, out):
    out.mkdir()
    with (fetch.kept_in() / "made").open("a") as count: count.write("x")
    for part in range(20):
        (out / str(part)).write_text("whole"); time.sleep(0.02)
entry = fetch._kept("kafka", make)
assert len(list(entry.iterdir())) == 20, "seen half made"
"""


def test_many_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five processes want it: one makes it, none sees a half of it, nothing else stays in the folder."""
    monkeypatch.setenv("VONGGAC_SERVERS", str(tmp_path))
    monkeypatch.setattr(fetch, "java_home", lambda: tmp_path)
    line = [sys.executable, "-c", SLOW_MAKER.replace("entry =", "fetch.java_home = lambda: None\nentry =")]
    running = [subprocess.Popen(line, cwd=Path(__file__).parents[2]) for _ in range(5)]
    assert [one.wait(60) for one in running] == [0] * 5
    assert (tmp_path / "made").read_text() == "x"
    assert sorted(p.name.split("-")[0] for p in tmp_path.iterdir()) == ["kafka", "kafka.lock", "made"]


def test_failed_fetch_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed or refused half way: no entry, and the next one tries again."""
    monkeypatch.setenv("VONGGAC_SERVERS", str(tmp_path))
    monkeypatch.setattr(fetch, "java_home", lambda: tmp_path)

    def refused(pom: Path, out: Path) -> None:
        out.mkdir()
        (out / "half").touch()
        raise fetch.MissingError("no way")

    with pytest.raises(fetch.MissingError):
        fetch._kept("kafka", refused)
    assert [p.name for p in tmp_path.iterdir()] == ["kafka.lock"]
    entry = fetch._kept("kafka", lambda pom, out: out.mkdir())
    assert entry.is_dir()


@pytest.mark.parametrize(("absent", "told"), [("java", "default-jre-headless"), ("mvn", "apt-get install maven")])
def test_missing_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: str, told: str) -> None:
    """Without Java or Maven the error says what to install."""
    monkeypatch.setenv("VONGGAC_SERVERS", str(tmp_path / "kept"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    (tmp_path / "bin").mkdir()
    if absent == "mvn":
        (tmp_path / "bin/java").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    fetch.java_home.cache_clear()
    try:
        with pytest.raises(fetch.MissingError, match=told):
            fetch.kafka()
    finally:
        fetch.java_home.cache_clear()


def test_maven_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Maven says when it fails is in the error."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mvn").write_text("#!/bin/sh\necho 'Could not transfer artifact: checksum failed'; exit 1\n")
    (tmp_path / "bin/mvn").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("VONGGAC_SERVERS", str(tmp_path / "kept"))
    monkeypatch.setattr(fetch, "java_home", lambda: tmp_path)
    with pytest.raises(fetch.MissingError, match="checksum failed"):
        fetch.elasticsearch()
