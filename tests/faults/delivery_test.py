"""The national API cannot be reached for a while; records that are none stand in the topics."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec
import pytest

from bench.house import ROOT, House
from daemon.wiring import reading

Houses = Callable[..., House]
pytestmark = pytest.mark.slow

LINE = "<86>1 - {host} sudo 1 - - clerk : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/check vg-{serial:012d}\n"


def until(true: Callable[[], bool], limit: float) -> None:
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def attack(house: House, first: int, count: int) -> None:
    """``count`` alerts of different machines: as many incidents."""
    text = "".join(LINE.format(host=f"desk-{n}", serial=n).replace("clerk", f"clerk{n}") for n in range(first, first + count))
    assert house.post(text.encode(), f"attack-{first}", kind="text/plain") == 200


def delivered(house: House) -> list[str]:
    return [r["national_id"] for r in house.show("incidents", "-n", "1000") if r["delivery"] == "delivered"]


def test_nothing_is_lost_while_the_national_api_is_away(houses: Houses) -> None:
    """Nobody listens at the national side for a while, the notifier is killed meanwhile: in the end all is there once."""
    house = houses(national={"run": False})
    house.start()
    attack(house, 0, 5)
    until(lambda: len(house.show("incidents")) == 5, 20)
    attack(house, 5, 5)
    time.sleep(3)
    house.kill("notify")
    until(lambda: len(house.show("incidents")) == 10, 20)
    waiting = house.show("incidents")
    assert {r["delivery"] for r in waiting} == {"waiting"} and not any(r["national_id"] for r in waiting)
    assert house.get("/api/v1/overview")["waiting"] == 10
    until(lambda: house.metrics().get("notifier_outbox", 0) == 10, 10)
    line = [sys.executable, "-m", "daemon.cli", "national", "--config", str(house.file)]
    with (house.folder / "national.txt").open("wb") as printed:
        national = subprocess.Popen(line, cwd=ROOT, stdout=printed, stderr=printed)
    try:
        until(lambda: len(delivered(house)) == 10, 90)
        ids = delivered(house)
        there = house.get("/api/v1/incidents?limit=100", house.national, house.key("national-client"))
        print(f"\n10 incidents delivered after the outage, {len(there['incidents'])} at the national side")
        assert len(set(ids)) == 10 and sorted(i["national_id"] for i in there["incidents"]) == sorted(ids)
    finally:
        national.send_signal(signal.SIGTERM)
        assert national.wait(15) == 0


def test_a_national_api_that_hangs(houses: Houses) -> None:
    """The national side accepts connections and never answers (stopped process): all is delivered once it goes on."""
    house = houses()
    house.start()
    national = house.processes()["national"]
    os.kill(national.pid, signal.SIGSTOP)
    attack(house, 0, 5)
    until(lambda: len(house.show("incidents")) == 5, 20)
    time.sleep(12)  # longer than the sink's timeout
    assert not delivered(house)
    attack(house, 5, 5)
    os.kill(national.pid, signal.SIGCONT)
    until(lambda: len(set(delivered(house))) == 10, 90)


def test_records_that_are_none_go_to_the_dead_letters(houses: Houses) -> None:
    """A poisoned record in a topic stops nobody: kept in dead-letters with its reason, counted, and all others go on."""
    house = houses()
    house.start()
    attack(house, 0, 1)
    poison = [("http", b"\xff\x00 no event"), ("http", b""), ("http", b"\x81\xa2id\xc0")]

    async def spoil() -> None:
        async with reading.reading_log(house.configuration) as log, reading.reading_state(house.configuration) as state:
            await log.append("events", poison)
            await state.bus.append("alerts", [("x", b"\xff no alert")])  # type: ignore[attr-defined]

    asyncio.run(spoil())
    attack(house, 1, 1)
    house.settle(5)
    until(lambda: len(delivered(house)) == 2, 30)
    metrics = house.metrics()
    assert metrics["correlator_dead_letters_total"] == 3
    assert metrics["notifier_unreadable_total"] == 1

    async def letters() -> list[bytes]:
        async with reading.reading_state(house.configuration) as state:
            return [r.value for r in await state.bus.read("dead-letters", 0, 100)]  # type: ignore[attr-defined]

    found = asyncio.run(letters())
    assert len(found) == 4 and found.count(b"\xff no alert") == 1
    told = [msgspec.json.decode(letter) for letter in found if letter.startswith(b"{")]
    assert sorted(base64.b64decode(t["value"]) for t in told) == sorted(value for _, value in poison)
    assert all(t["reason"].startswith("not an event") and t["topic"] == "events" for t in told)
    assert len(house.show("events")) == 2
    said = (house.home / "logs/correlate.jsonl").read_text("utf-8")
    assert said.count("correlator_dead_letter") >= 3
    house.stop()
    house.start()
    attack(house, 2, 1)
    house.settle(6)
    until(lambda: len(delivered(house)) == 3, 30)
    assert house.ready()
