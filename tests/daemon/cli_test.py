"""The command line as a whole: help, exit codes, sentences, JSON lines, closed pipes."""

import asyncio
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from calling import Command

from backbone.clock import ManualClock
from backbone.codec import encode
from backbone.ports import Commit, Put
from backbone.sqlite_log import SqliteLog
from backbone.sqlite_state import SqliteState
from daemon import keys
from daemon.cli import COMMANDS
from model import Alert, AlertLine, Delivery, Entity, Event, Evidence, Incident, LogSource, Receipt
from model.moment import SECOND

ROOT = Path(__file__).parents[2]
HEAVY = ("duckdb", "pyarrow", "aiohttp", "sigma", "hyperscan", "pydantic", "cryptography", "rich", "asyncio", "structlog")
NOON = 1_795_240_800 * SECOND
HELP = """
import sys
from daemon.cli import main
try:
    main(sys.argv[1:] + ["--help"])
finally:
    print("loaded:", *(set(sys.modules) & set({heavy!r})))
"""
ALERT = Alert(
    *("a1", 2, "rule-1", "Web Shell", "high"),
    entities=(Entity("ip", "203.0.113.5"),),
    systems=("dvc",),
    count=3,
    happened_at=NOON,
    received_at=NOON + 1,
    stored_at=NOON + 2,
    detected_at=NOON + SECOND,
    last_at=NOON,
    evidence=(Evidence("e1", NOON, "dvc", "dvc-web01", "GET /cửa-hậu.jsp"),),
    title_vi="Cửa hậu",
)
RECEIPT = Receipt("TINH-2026-0001", "i1", 1, "0" * 64, "2026-11-21T12:00:00Z", "k1", "c2ln")
INCIDENT = Incident(
    *("i1", 1, "M2", "web_attack", "Tấn công cổng / Attack on the portal", "same address", ("dvc",)),
    entities=ALERT.entities,
    alerts=(AlertLine("a1", "rule-1", "Web Shell", "high", NOON, 3),),
    detected_at=NOON + SECOND,
    first_at=NOON,
    last_at=NOON,
)
EVENT = Event(
    *("e1", "tcp", NOON, NOON + 1, "GET /cửa-hậu.jsp", "nginx_access"),
    logsource=LogSource("nginx", ("webserver",), "access"),
    system="dvc",
    host="dvc-web01",
    fields={"c-ip": "203.0.113.5", "sc-status": 200, "cs-uri-stem": "/cửa-hậu.jsp"},
)


async def fill(home: Path) -> None:
    """An alert, its incident with a receipt, and its event, kept in ``home`` as the house keeps them."""
    keys.private_folder(home)
    state = await SqliteState.open(home / "state.db", ManualClock(NOON))
    delivery = Delivery("i1", 1, 1, 1, 0, "delivered", national_id=RECEIPT.national_id, receipt=RECEIPT)
    puts = (
        Put("alerts", "a1", encode(ALERT), ALERT.detected_at),
        Put("incidents", "i1", encode(INCIDENT), INCIDENT.detected_at),
        Put("outbox", "i1", encode(delivery), NOON),
    )
    await state.commit(Commit(puts))
    await state.close()
    log = await SqliteLog.open(home / "log.db", ManualClock(NOON + 5))
    await log.append("events", [("tcp", encode(EVENT))])
    await log.close()


@pytest.fixture
def filled(config: Path) -> Path:
    asyncio.run(fill(config.parent / "var"))
    return config


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_useful_and_costs_nothing(command: str) -> None:
    """Every command's --help says what it does, in under half a second of work, because nothing heavy is imported for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-c", HELP.format(heavy=HEAVY), *([command] if command else [])]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said, _, loaded = done.stdout.rpartition("loaded:")
    assert loaded.strip() == ""
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
    assert f"Usage: vonggac {command}".strip() in said
    assert len(said.splitlines()) > 5
    if not command:
        assert all(name in said for name in COMMANDS)
    elif command != "scan":
        assert "--config" in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["alert"], 2, "no command 'alert', did you mean alerts?"),
        (["scan"], 2, "Missing argument"),
        (["events", "--jsno"], 2, "--json"),
        (["alerts", "--since", "gestern"], 2, "neither an age like 30m"),
        (["scan", "--rules", "/nowhere", "x"], 2, "does not exist"),
        (["check", "--config", "/nowhere.yml"], 2, "/nowhere.yml: there is no such file"),
    ],
)
def test_wrong_usage_is_one_sentence(vonggac: Command, arguments: list[str], code: int, said: str) -> None:
    """Exit code 2, nothing on standard output, one line on standard error that says what to do instead."""
    answer = vonggac(*arguments)
    assert answer.code == code
    assert answer.out == ""
    assert said in answer.err and len(answer.err.splitlines()) == 1
    assert answer.err.startswith("vonggac: ")


def test_a_wrong_configuration_names_line_and_remedy(vonggac: Command, config: Path) -> None:
    """Each mistake is a line `vonggac: FILE:LINE: what (what to do)`, and the code is 2."""
    config.write_text(config.read_text("utf-8").replace("rules:", "ruls:") + "consle: {}\n", "utf-8")
    answer = vonggac("check", "--config", config)
    assert answer.code == 2
    assert answer.err.splitlines() == [
        f"vonggac: {config}:2: unknown setting `ruls` (did you mean `rules`?)",
        f"vonggac: {config}:6: unknown setting `consle` (did you mean `console`?)",
    ]


def test_a_search_that_is_none_is_code_2(vonggac: Command, filled: Path) -> None:
    """A query that cannot be understood is a sentence with an example."""
    answer = vonggac("events", "--config", filled, "c-ip:(")
    assert answer.code == 2 and "Example" in answer.err and answer.out == ""


def test_what_fails_is_code_1(vonggac: Command, config: Path) -> None:
    """A store that cannot be opened is exit code 1 and a sentence, not a traceback."""
    home = keys.private_folder(config.parent / "var")
    (home / "state.db").write_bytes(b"no database" * 500)
    answer = vonggac("alerts", "--config", config)
    assert answer.code == 1, answer
    assert "state.db" in answer.err and "Traceback" not in answer.err


def test_alerts_as_json(vonggac: Command, filled: Path) -> None:
    """An alert has every field people build on, times as RFC 3339."""
    (row,) = vonggac("alerts", "--config", filled, "--json").rows
    assert {k: row[k] for k in ("id", "rule", "title", "level", "count", "systems")} == {
        **{"id": "a1", "rule": "rule-1", "title": "Web Shell", "level": "high", "count": 3, "systems": ["dvc"]}
    }
    assert row["entities"] == [{"kind": "ip", "value": "203.0.113.5"}]
    times = [row[k] for k in ("happened_at", "received_at", "stored_at", "detected_at")]
    assert times == sorted(times) and all(t.startswith("2026-11-21T") and t.endswith("Z") for t in times)


def test_alerts_are_chosen(vonggac: Command, filled: Path) -> None:
    """--level, --since, --limit and --id choose; what is not there is no row and no error."""
    late = "2026-11-21T23:00:00Z"
    choices = (["--level", "high"], ["--level", "critical"], ["--id", "a1"], ["--id", "x"], ["--since", late], ["-n", "1"])
    assert [len(vonggac("alerts", "--config", filled, "--json", *c).rows) for c in choices] == [1, 0, 1, 0, 0, 1]
    assert "No alert matches" in vonggac("alerts", "--config", filled, "--id", "x").out


def test_incidents_as_json(vonggac: Command, filled: Path) -> None:
    """An incident has its alerts, what the national side calls it, and the signed receipt."""
    (row,) = vonggac("incidents", "--config", filled, "--json").rows
    assert {k: row[k] for k in ("id", "severity", "systems", "alerts", "national_id")} == {
        **{"id": "i1", "severity": "M2", "systems": ["dvc"], "alerts": ["a1"], "national_id": "TINH-2026-0001"}
    }
    assert row["receipt"] == msgspec.to_builtins(RECEIPT)


def test_events_as_json_and_as_ecs(vonggac: Command, filled: Path) -> None:
    """--json is the event with its Sigma fields; --ecs is an ECS 8 document, JSON lines without asking for them."""
    (row,) = vonggac("events", "--config", filled, "--json", "c-ip:203.0.113.5").rows
    assert row["fields"]["cs-uri-stem"] == "/cửa-hậu.jsp"
    (document,) = vonggac("events", "--config", filled, "--ecs", "source.ip:203.0.113.5").rows
    assert document["source"]["ip"] == "203.0.113.5"
    assert document["http"]["response"]["status_code"] == 200
    assert document["ecs"]["version"].startswith("8.")
    assert document["event"]["ingested"] > document["event"]["created"] or document["event"]["ingested"]
    assert document["related"]["ip"] == ["203.0.113.5"]


@pytest.mark.parametrize(("command", "said"), [("alerts", "Web Shell"), ("incidents", "TINH-2026-0001"), ("events", "dvc-web01")])
def test_tables_for_people(vonggac: Command, filled: Path, command: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --json a table; with nothing to show a sentence that says what to do."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert said in vonggac(command, "--config", filled).out
    assert "─" not in (nothing := vonggac(command, "--config", filled, "--since", "1s").out) and len(nothing.splitlines()) == 1


@pytest.mark.slow
def test_a_closed_pipe_ends_it_quietly(config: Path, tmp_path: Path) -> None:
    """`… | head -1` gives one line and no traceback."""
    big = tmp_path / "big.log"
    big.write_text("<13>1 2026-11-21T08:00:00Z h app - - - xấu\n" * 20_000, "utf-8")
    inner = f"{sys.executable} -m daemon.cli scan --rules {tmp_path}/rules --json {big} | head -1"
    environment: dict[str, Any] = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(["bash", "-c", inner], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
