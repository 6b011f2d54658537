"""A full disk: the house says so, stops reading, loses nothing, and goes on when there is room."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.house import House
from bench.load import Poster, Sender, Writer, lines
from model.moment import MINUTE
from province.endless import serial_of

Houses = Callable[..., House]
pytestmark = pytest.mark.slow
SIZE = 48
"""MiB of the disk."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m,mode=0700", "none", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk can only be mounted by root, with the right to")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def until(true: Callable[[], bool], limit: float) -> None:
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def fill(disk: Path) -> bool:
    """Leave no room. Returns True."""
    with (disk / "ballast").open("ab", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * 4096)
        except OSError:
            return True


def refusal(house: House) -> tuple[int, str]:
    """Status and Retry-After of an attempt to send a record."""
    request = urllib.request.Request(f"http://127.0.0.1:{house.http}/ingest", data=b'{"refused": 1}\n')
    request.add_header("Authorization", f"Bearer {house.key('ingest')}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After", "")


class Pipe(Sender):
    """Syslog over TCP on one connection; waits as long as the other side does not read."""

    def __init__(self, house: House, number: int, source: Iterator[str]) -> None:
        super().__init__(number, source, batch=200, pause=0.01)
        self._connection = socket.create_connection(("127.0.0.1", house.syslog))

    def pass_on(self, batch: list[str]) -> None:
        self._connection.sendall("\n".join(batch).encode() + b"\n")


def test_a_full_disk(houses: Houses, disk: Path, tmp_path: Path) -> None:
    """No room: 503 with Retry-After, TCP waits, files are not read on, health and log say why; with room all is stored, once."""
    file = tmp_path / "growing.log"
    house = houses(files={"growing": {"paths": [str(file)]}}, home=str(disk / "var"))
    house.home = disk / "var"
    house.start()
    start = time.time_ns() // 1000 - 5 * MINUTE
    load: list[Sender] = [
        Poster(house, 0, lines(0, start, 1000), batch=100, pause=0.02),
        Writer(file, "rename", 10**9, 1, lines(1, start, 1000), batch=100, pause=0.02),
        Pipe(house, 2, lines(2, start, 1000)),
    ]
    for sender in load:
        sender.start()
    time.sleep(2)
    fill(disk)
    until(lambda: fill(disk) and house.metrics().get("collector_full", 0) == 1, 60)
    until(lambda: fill(disk) and refusal(house) == (503, "5"), 60)
    until(lambda: "is full" in str(health(house)), 10)
    assert not house.ready()
    roles = {role: process.pid for role, process in house.processes().items()}
    time.sleep(5)
    positions, sent = house.positions(), [s.sent for s in load]
    time.sleep(3)
    assert house.positions()[0] == positions[0]
    assert load[0].sent == sent[0] and load[2].sent == sent[2] and load[1].sent > sent[1]
    log = (house.home / "logs/collect.jsonl").read_text("utf-8") + house.printed()
    assert "backbone_full" in log
    memory = house.processes()["collect"].memory_info().rss >> 20
    assert memory < 250
    (disk / "ballast").unlink()
    until(house.ready, 90)
    until(lambda: house.metrics().get("collector_full", 1) == 0, 30)
    for sender in load:
        sender.finish()
    expected = {serial for sender in load for serial in sender.serials}
    house.settle(len(expected), 90)
    assert {role: process.pid for role, process in house.processes().items()} == roles, "a process ended on the full disk"
    house.stop()
    found = [s for row in house.show("events", "-n", "1000000") if (s := serial_of(row["original"])) is not None]
    print(f"\n{len(expected)} sent, {len(found)} stored; while full, role collect used {memory} MiB")
    assert len(found) == len(set(found)) and set(found) == expected


def health(house: House) -> object:
    try:
        return house.get("/readyz")
    except urllib.error.HTTPError as error:
        return error.read()
