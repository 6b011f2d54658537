"""The house of many machines, all of its roles on this one: Kafka and Elasticsearch between them, real."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.house import House
from bench.load import lines
from model.moment import MINUTE
from province.endless import serial_of

pytestmark = pytest.mark.slow
SUDO = "<85>1 - dvc-web01 sudo - - - www-data : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/systemctl stop auditd\n"


@pytest.fixture
def house(tmp_path: Path, kafka: Any, elasticsearch: Any, prefix: str) -> Iterator[House]:
    made = House(
        tmp_path / "house",
        distributed={
            "kafka": {"servers": [kafka.bootstrap], "prefix": prefix, "replication": 1, "in_sync": 1, "tls": False},
            "elasticsearch": {"urls": [elasticsearch.url], "namespace": prefix.strip(".-").replace("-", "_")},
        },
    )
    with made:
        yield made


def test_from_a_log_line_to_a_receipt(house: House) -> None:
    """Each line sent is in Elasticsearch once, and an attack among them is an alert and an incident with a receipt."""
    start = time.time_ns() // 1000 - 5 * MINUTE
    source = lines(0, start, 1000)
    sent = [next(source) for _ in range(2_000)]
    house.send(("\n".join(sent) + "\n").encode())
    house.send(SUDO.encode())
    house.settle(2_001, 120, stored=True)
    found = [serial_of(row["original"]) for row in house.show("events", "-n", "10000")]
    serials = [s for s in found if s is not None]
    assert len(serials) == len(set(serials)) == 2_000
    deadline = time.monotonic() + 30
    while not (done := [i for i in house.show("incidents") if i["receipt"]]) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert done and done[0]["national_id"]
    assert any("Logging Stopped" in alert["title"] for alert in house.show("alerts"))
    assert house.get("/api/v1/overview")["alerts"] >= 1
