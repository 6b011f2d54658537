"""`vonggac doctor` while nothing runs. With a running house: tests/daemon/running_test.py."""

import asyncio
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from calling import Command

from backbone.clock import ManualClock
from backbone.codec import encode
from backbone.ports import Commit, Put
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from daemon import doctor, running
from daemon.load import load
from model import Delivery


def found(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {r["about"]: r for r in rows}


@pytest.fixture
def quiet(config: Path) -> Path:
    """Settings on ports that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = config.read_text("utf-8").replace("5514", str(port))
    config.write_text(text + 'console: {listen: "127.0.0.1:0"}\nnational: {listen: "127.0.0.1:0"}\n', "utf-8")
    return config


def test_all_is_well(vonggac: Command, quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first start everything is looked at that can be; code 0; the table has a line each."""
    monkeypatch.setattr(doctor, "LEAST_FREE", 1)
    answer = vonggac("doctor", "--config", quiet, "--json")
    assert answer.code == 0, answer.out
    assert set(found(answer.rows)) == {"python", "hyperscan", "settings", "disk", "keys", "roles", "ports", "rules"}
    assert all(set(r) == {"about", "well", "found", "advice"} for r in answer.rows)
    table = vonggac("doctor", "--config", quiet)
    assert table.code == 0 and len(table.out.splitlines()) == 8 and "FAIL" not in table.out


def test_the_disk_must_have_twice_the_reserve(vonggac: Command, quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less free than twice what the log leaves, doctor says so before reading stops; the reserve is told."""
    monkeypatch.setattr(doctor, "LEAST_FREE", 1)
    usage = shutil.disk_usage(quiet.parent)
    quiet.write_text(quiet.read_text("utf-8").replace("collector:", "collector:\n  reserve: 2 GiB", 1), "utf-8")
    for free, well in ((5 << 30, True), (3 << 30, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage._replace(total=100 << 30, free=free))
        disk = found(vonggac("doctor", "--config", quiet, "--json").rows)["disk"]
        assert disk["well"] is well and "the reserve is 2.0 GiB" in disk["found"]


def test_what_is_wrong_comes_with_advice(vonggac: Command, quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room, a key that others can read, a port that is taken, no rules: each is found, with what to do; code 1."""
    loaded = load(quiet)
    running.prepare(loaded)
    (loaded.home / "keys/ingest.key").chmod(0o644)
    monkeypatch.setattr(doctor, "LEAST_FREE", 2**60)
    for file in (quiet.parent / "rules").iterdir():
        file.unlink()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(loaded.settings.collector.sources[0].listen.rpartition(":")[2])))  # type: ignore[union-attr]
        taken.listen()
        answer = vonggac("doctor", "--config", quiet, "--json")
        table = vonggac("doctor", "--config", quiet).out
    assert answer.code == 1
    rows = found(answer.rows)
    assert {about for about, row in rows.items() if not row["well"]} == {"disk", "keys", "ports", "rules"}
    assert "chmod 600" in rows["keys"]["found"] and "another program uses it" in rows["ports"]["found"]
    assert table.count("FAIL") == 4 and "→ make room" in table and "→ name a folder of Sigma rules" in table


def test_broken_settings_are_findings(vonggac: Command, quiet: Path) -> None:
    """Settings that do not load are a finding a problem, with file and line, and nothing is made."""
    quiet.write_text(quiet.read_text("utf-8").replace("home:", "hom:"), "utf-8")
    answer = vonggac("doctor", "--config", quiet, "--json")
    assert answer.code == 1
    assert f"{quiet}:1: unknown setting `hom` (did you mean `home`?)" in found(answer.rows)["settings"]["found"]
    assert not (quiet.parent / "var").exists()


def test_stores_of_a_stopped_house(vonggac: Command, quiet: Path) -> None:
    """Lag is no fault while nothing runs; a delivery that was refused is, with the last error."""
    home = load(quiet).home
    running.prepare(load(quiet))

    async def fill() -> None:
        state = await SqliteState.open(home / "state.db", ManualClock())
        refused = Delivery("i1", 1, attempts=1, state="refused", last_error="422: no such organisation")
        await state.commit(Commit((Put("outbox", "i1", encode(refused), 1),)))
        await state.close()
        log = await SqliteLog.open(home / "log.db", ManualClock())
        await log.append("events", [("a", b"x")] * 3)
        await log.close()

    asyncio.run(fill())
    answer = vonggac("doctor", "--config", quiet, "--json")
    rows = found(answer.rows)
    assert answer.code == 1
    assert rows["lag of correlate"]["well"] and rows["lag of correlate"]["found"] == "3 of 3 events"
    assert not rows["deliveries"]["well"] and "422: no such organisation" in rows["deliveries"]["found"]
    assert rows["evidence"]["well"]


def test_a_folder_of_somebody_else(vonggac: Command, quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder that cannot be written is said once, with what to do, and nothing in it is looked at."""
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    answer = vonggac("doctor", "--config", quiet, "--json")
    assert answer.code == 1, answer
    assert answer.rows[-1]["about"] == "data folder"
    assert "may not write" in answer.rows[-1]["found"] and "VONGGAC_HOME" in answer.rows[-1]["found"]
