"""kill -9 at random moments, under load."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bench.house import House
from bench.load import EVERY, Poster, Sender, Writer, lines
from model.moment import MINUTE
from province.endless import serial_of

KILLS = int(os.environ.get("VONGGAC_KILLS") or (50 if os.environ.get("VONGGAC_CI") else 10))
ROLES = ("collect", "correlate", "store", "notify", "console", "national")
RATE = 1000
REFUSED, SUDO, BURST = (f"11111111-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
WAYS = ("rename", "copy", "gzip")

Alerts = dict[tuple[str, tuple[tuple[str, str], ...]], list[int]]
"""Rule and group → counts of its alerts. A burst's rule tells several bursts of one address apart, the others have one alert."""


def senders(house: House, folder: Path, start: int, *, pause: float, limits: list[int] | None = None) -> list[Sender]:
    """Two HTTP clients and a file of each kind of rotation; with ``limits`` each sends so many lines, and nothing is rotated."""
    folder.mkdir(exist_ok=True)
    most = limits or [0] * 5
    made: list[Sender] = [Poster(house, n, lines(n, start, RATE), batch=20, pause=pause, limit=most[n]) for n in range(2)]
    made += [
        Writer(
            folder / f"{how}.log",
            how,
            10**9 if limits else 200 + 100 * n,
            n,
            lines(n, start, RATE),
            batch=10,
            pause=pause,
            limit=most[n],
        )
        for n, how in enumerate(WAYS, 2)
    ]
    return made


def followed(folder: Path) -> dict[str, dict[str, list[str]]]:
    return {how: {"paths": [str(folder / f"{how}.log")]} for how in WAYS}


def alerts(house: House) -> Alerts:
    """All alerts; AssertionError when two of them say the same."""
    found: Alerts = {}
    for row in sorted(house.show("alerts", "-n", "1000000"), key=lambda r: r["count"]):
        found.setdefault((row["rule"], tuple(sorted(row["group"].items()))), []).append(row["count"])
    doubled = [key for key, amounts in found.items() if len(amounts) > 1 and key[0] != BURST]
    assert not doubled, f"{len(doubled)} duplicate alerts: {doubled[:5]}"
    return found


def stored(house: House) -> Counter[int]:
    """How often each serial is in the event store."""
    found = Counter(serial_of(row["original"]) for row in house.show("events", "-n", "1000000"))
    assert None not in found
    return Counter({serial: amount for serial, amount in found.items() if serial is not None})


def strike(house: House, rng: random.Random, kills: Counter[str]) -> None:
    """One kill of something that lives."""
    chance = rng.random()
    if chance < 0.35:
        house.kill()
        kills["everything"] += 1
        house.begin()
        if rng.random() < 0.3:
            return
    elif chance < 0.45:
        house.kill("run")
        kills["run"] += 1
        house.begin()
    else:
        killed = house.kill(rng.choice(ROLES))
        kills.update(killed)
        return
    until(house.ready, 60)


def until(true: Callable[[], bool], limit: float) -> None:
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def settle(house: House, load: list[Sender]) -> None:
    """Until all is matched, told (a count that grows is told every ten seconds) and delivered."""
    house.settle(sum(sender.sent for sender in load), 180)
    wanted = {
        rule: sum(1 for sender in load for serial in sender.serials if serial % EVERY == rest)
        for rule, rest in ((REFUSED, 0), (SUDO, EVERY // 2))
    }

    def told() -> bool:
        found = alerts(house)
        return all(sum(sum(c) for key, c in found.items() if key[0] == rule) >= count for rule, count in wanted.items())

    until(told, 60)
    time.sleep(11)
    until(lambda: all(i["delivery"] == "delivered" for i in house.show("incidents", "-n", "100000")), 60)
    counts = {rule: sum(sum(c) for key, c in alerts(house).items() if key[0] == rule) for rule in wanted}
    assert counts == wanted, "matches were lost or counted twice"


@pytest.mark.slow
def test_kills_under_load_lose_and_double_nothing(houses: Callable[..., House], tmp_path: Path) -> None:
    """Whatever is killed whenever: every record acknowledged or written is stored once, and alerts are those of a quiet run."""
    compare(houses, tmp_path, KILLS, {}, {})


def test_kills_in_a_house_of_many_machines(houses: Callable[..., House], tmp_path: Path, kafka: Any, elasticsearch: Any) -> None:
    """The same with Kafka and Elasticsearch between the roles."""

    def far() -> dict[str, Any]:
        name = f"kills{uuid4().hex[:8]}"
        bus = {"servers": [kafka.bootstrap], "prefix": f"{name}.", "replication": 1, "in_sync": 1, "tls": False}
        return {"distributed": {"kafka": bus, "elasticsearch": {"urls": [elasticsearch.url], "namespace": name}}}

    compare(houses, tmp_path, max(KILLS // 4, 5), far(), far())


def compare(houses: Callable[..., House], tmp_path: Path, most: int, one: dict[str, Any], quietly: dict[str, Any]) -> None:
    """A house of settings ``one`` with ``most`` kills against one of ``quietly`` without."""
    start, rng, kills = time.time_ns() // 1000 - 30 * MINUTE, random.Random(), Counter[str]()
    files = tmp_path / "killed-logs"
    house = houses("killed", files=followed(files), **one)
    house.start()
    load = senders(house, files, start, pause=0.1)
    began = time.monotonic()
    for sender in load:
        sender.start()
    while kills.total() < most and all(s.is_alive() for s in load):
        time.sleep(rng.uniform(0.1, 1.5))
        strike(house, rng, kills)
        if house.process is None or house.process.poll() is not None:
            pytest.fail(f"the house ended by itself:\n{house.printed()[-3000:]}")
    until(house.ready, 60)
    for sender in load:
        sender.finish()
    took = time.monotonic() - began
    settle(house, load)
    house.stop()
    counts, found = stored(house), alerts(house)
    sent = {serial for sender in load for serial in sender.serials}
    lost, twice = sent - counts.keys(), [s for s, amount in counts.items() if amount > 1]
    refused = sum(s.refused for s in load if isinstance(s, Poster))
    rotated = sum(s.rotations for s in load if isinstance(s, Writer))
    print(
        f"\n{kills.total()} kills in {took:.0f} s: {dict(kills)}; {len(sent)} records, {rotated} rotations, {refused} sent again"
    )
    print(f"lost {len(lost)}, stored twice {len(twice)}, not sent but stored {len(counts.keys() - sent)}, alerts {len(found)}")
    assert not lost and not twice and counts.keys() == sent

    quiet = tmp_path / "quiet-logs"
    other = houses("quiet", files=followed(quiet), **quietly)
    other.start()
    load = senders(other, quiet, start, pause=0.0, limits=[s.sent for s in load])
    for sender in load:
        sender.start()
    for sender in load:
        sender.wait()
    settle(other, load)
    other.stop()
    wanted = alerts(other)
    wrong = {key: (wanted.get(key), found.get(key)) for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)}
    print(f"alerts of the undisturbed run {len(wanted)}, different {len(wrong)}")
    assert not wrong, list(wrong.items())[:10]
    assert incidents(house) == incidents(other)


def incidents(house: House) -> int:
    """How many incidents; AssertionError when one has no national id of its own."""
    rows = house.show("incidents", "-n", "100000")
    assert len({r["national_id"] for r in rows}) == len(rows) and all(r["national_id"] for r in rows)
    return len(rows)
