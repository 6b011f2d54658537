"""A day in the province through a whole house: real processes, real transports, the national API at the end."""

import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from bench.house import House
from model import LEVELS
from province.attacks import ATTACKS

pytestmark = pytest.mark.slow


def incidents_at_the_national_side(house: House) -> list[dict[str, Any]]:
    answer = house.get("/api/v1/incidents", house.national, house.key("national-client"))
    items: list[dict[str, Any]] = answer["incidents"] if "incidents" in answer else answer["items"]
    return items


def test_five_attacks_are_five_incidents_with_receipts(tmp_path: Path) -> None:
    """`vonggac demo`: each attack is one incident at the national API with its evidence; nothing else is above low."""
    house = House(tmp_path)
    house.start(120, "demo", "--speed", "2000", "--scale", "0.4", "--exit")
    try:
        assert house.process is not None
        deadline = time.monotonic() + 200
        seen: list[dict[str, Any]] = []
        while house.process.poll() is None and time.monotonic() < deadline:
            try:
                seen = incidents_at_the_national_side(house)
            except OSError:
                break
            time.sleep(0.2)
        assert house.process.wait(30) == 0, house.printed()[-3000:]
    finally:
        house.kill()
    ours = house.show("incidents")
    assert len(ours) == len(ATTACKS) == len(seen), [i["title"] for i in ours]
    for attack in ATTACKS:
        rules = set(attack.rules)
        mine = [i for i in ours if rules <= {line["rule"] for line in i["alert_lines"]}]
        assert len(mine) == 1, f"{attack.name}: {[[a['title'] for a in i['alert_lines']] for i in ours]}"
        entities = {(e["kind"], e["value"]) for e in mine[0]["entities"]}
        assert set(attack.entities) <= entities, f"{attack.name}: {entities}"
        assert mine[0]["evidence"], attack.name
        assert mine[0]["national_id"] and mine[0]["receipt"]["national_id"] == mine[0]["national_id"]
    in_incidents = {alert for incident in ours for alert in incident["alerts"]}
    loud = [a for a in house.show("alerts", "--limit", "5000") if LEVELS.index(a["level"]) > LEVELS.index("low")]
    assert {a["id"] for a in loud} <= in_incidents, [a["title"] for a in loud if a["id"] not in in_incidents]
    assert house.show("events", "tag:unparsed") == []


def test_a_second_start_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    """Stopped by Ctrl-C within ten seconds; the next start has the same alerts and incidents and takes new lines."""
    house = House(tmp_path)
    line = "<85>1 - dvc-web01 sudo - - - {} : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/systemctl stop auditd\n"
    with house:
        house.send(line.format("nguyen.van.a").encode())
        house.settle(1)
        wait_for(lambda: [i for i in house.show("incidents") if i["national_id"]])
        first = house.show("alerts")
        assert house.stop() < 10
    assert "stopped" in house.printed()
    with house:
        house.send(line.format("tran.thi.b").encode())
        wait_for(lambda: len(house.show("alerts")) == 2)
        alerts = {a["id"]: a for a in house.show("alerts")}
        assert alerts[first[0]["id"]]["count"] == 1
        for alert in alerts.values():
            assert alert["happened_at"] <= alert["received_at"] <= alert["stored_at"] <= alert["detected_at"]
        assert len(house.show("events", "username:nguyen.van.a")) == 1
        assert b"vonggac_correlator_events_total" in metrics(house)


def metrics(house: House) -> bytes:
    """The /metrics page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{house.console}/metrics", timeout=5) as answer:
        body: bytes = answer.read()
        return body


def wait_for(holds: Any, limit: float = 15.0) -> None:
    """Wait until ``holds()`` is true; AssertionError after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)
