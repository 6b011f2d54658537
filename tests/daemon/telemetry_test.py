"""Our own telemetry: log lines, signals, and no secret in either."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon import keys, telemetry
from daemon.telemetry import log_to

ROOT = Path(__file__).parents[2]
SIGNALS = """
import sys
from pathlib import Path
from daemon.telemetry import PrometheusSignals, exposition, use_metrics_folder
use_metrics_folder(Path(sys.argv[1]))
signals = PrometheusSignals()
signals.count("collector_records", 3, source="tcp", format="nginx_access")
signals.level("correlator_lag", 7)
signals.took("correlator_batch", 0.02)
signals.count("made_up")
if len(sys.argv) > 2:
    sys.stdout.buffer.write(exposition())
"""


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Logging is put back as pytest has it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.split("\n") if line]


def test_every_line_is_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours, a library's, one with an exception, one with odd text: each is one JSON object with at, level, role and event."""
    log_to(tmp_path / "r.jsonl", "notify")
    log = structlog.get_logger()
    log.info("đã gửi", incident="i1")
    log.debug("too fine")
    logging.getLogger("aiohttp.server").error("lỗi\n%s", "\udcff")
    logging.getLogger("yaml").warning("{not ours")
    try:
        raise ValueError("x\ny")
    except ValueError:
        log.exception("loop crashed")
    found = lines((tmp_path / "r.jsonl").read_text("utf-8"))
    assert len(lines(capsys.readouterr().err)) == len(found)
    assert [line["event"] for line in found] == ["đã gửi", "lỗi\n\udcff", "{not ours", "loop crashed"]
    assert all({"at", "level", "event"} <= set(line) for line in found)
    assert found[0]["role"] == "notify" and found[0]["incident"] == "i1" and found[0]["at"].endswith("Z")
    assert found[1]["library"] == "aiohttp.server"
    assert "ValueError: x\ny" in found[3]["exception"]


def test_files_rotate_and_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full file is put aside, five are kept, and every line kept is whole."""
    monkeypatch.setattr(telemetry, "LOG_BYTES", 10_000)
    log_to(tmp_path / "r.jsonl", "collect")
    for n in range(1000):
        structlog.get_logger().info("line", number=n, text="x" * 100)
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == ["r.jsonl", *(f"r.jsonl.{n}" for n in range(1, 6))]
    assert all(f.stat().st_size <= 10_000 for f in files)
    numbers = [line["number"] for f in (files[0], *files[1:]) for line in lines(f.read_text("utf-8"))]
    assert max(numbers) == 999 and len(set(numbers)) == len(numbers)
    assert all(f.stat().st_mode & 0o077 == 0 for f in files), "logs name people and addresses"


def test_a_person_at_a_terminal_sees_only_what_matters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal warnings and errors in short form, without control characters of a log line; the file has all."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log_to(tmp_path / "r.jsonl", "notify")
    structlog.get_logger().info("fine")
    structlog.get_logger().warning("the national API does not answer", attempts=3, text="\x1b[2J\u202e")
    (shown,) = capsys.readouterr().err.splitlines()
    time, rest = shown.split(" ", 1)
    assert len(time) == 8 and rest == "notify: the national API does not answer (attempts=3, text=\\x1b[2J)"
    assert len(lines((tmp_path / "r.jsonl").read_text("utf-8"))) == 2


def test_the_level_is_a_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines milder than the level are not written."""
    log_to(tmp_path / "r.jsonl", "notify", "error")
    structlog.get_logger().warning("mild")
    structlog.get_logger().error("grave")
    assert [line["event"] for line in lines((tmp_path / "r.jsonl").read_text())] == ["grave"]


def test_a_token_in_a_log_call_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever logs a token by mistake logs ``Token(…)``."""
    token = keys.token(tmp_path, "ingest")
    log_to(tmp_path / "r.jsonl", "collect")
    structlog.get_logger().info("made", token=token, all=[token], told=f"{token}")
    logging.getLogger("x").warning("made %s", token)
    written = (tmp_path / "r.jsonl").read_text("utf-8") + capsys.readouterr().err
    assert token.reveal() not in written and written.count("Token(…)") >= 4


def test_signals_of_all_processes_are_one_page(tmp_path: Path) -> None:
    """Two processes count, a third shows the sum, with help and types, in Prometheus' text format."""
    for more in ([], ["show"]):
        done = subprocess.run(
            [sys.executable, "-c", SIGNALS, str(tmp_path), *more], cwd=ROOT, capture_output=True, text=True, check=True
        )
    page = done.stdout
    assert 'vonggac_collector_records_total{format="nginx_access",source="tcp"} 6.0' in page
    assert "# HELP vonggac_collector_records_total Records made durable" in page
    assert "vonggac_correlator_lag 7.0" in page
    assert 'vonggac_correlator_batch_seconds_bucket{le="0.025"} 2.0' in page
    assert "# HELP vonggac_made_up_total Made up." in page


def test_old_signals_are_dropped_at_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh start forgets the files of earlier processes, so that nothing is counted twice."""
    subprocess.run([sys.executable, "-c", SIGNALS, str(tmp_path)], cwd=ROOT, check=True)
    assert list(tmp_path.glob("*.db"))
    fresh = "import sys, pathlib, daemon.telemetry as t; t.use_metrics_folder(pathlib.Path(sys.argv[1]), fresh=True)"
    subprocess.run([sys.executable, "-c", fresh, str(tmp_path)], cwd=ROOT, check=True)
    assert not list(tmp_path.glob("*.db"))


def test_signals_of_a_role_go_on_and_have_their_room(tmp_path: Path) -> None:
    """A role that starts again counts on in the same files, whose blocks are there before a full disk could end the process."""
    code = SIGNALS.replace("Path(sys.argv[1]))", "Path(sys.argv[1]), 'collect')")
    for _ in range(3):
        shown = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), "show"], cwd=ROOT, check=True, capture_output=True
        ).stdout
    assert b'vonggac_collector_records_total{format="nginx_access",source="tcp"} 9.0' in shown
    files = sorted(tmp_path.glob("*.db"))
    assert [f.name for f in files] == ["counter_collect.db", "gauge_mostrecent_collect.db", "histogram_collect.db"]
    assert all(f.stat().st_blocks * 512 >= 256 * 1024 for f in files)
