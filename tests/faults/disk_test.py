"""A full disk: the house says so, stops reading, loses nothing, and goes on when there is room.

What senders send is bounded, so that all of it has a place on the small disk, however fast or slow the machine is.
"""

import os
import signal
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

    def __init__(self, house: House, number: int, source: Iterator[str], limit: int) -> None:
        super().__init__(number, source, batch=200, pause=0.01, limit=limit)
        self._connection = socket.create_connection(("127.0.0.1", house.syslog))
        # What waits in the kernel is sent as well: little of it, so that a sender of some thousand lines has to wait.
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)

    def pass_on(self, batch: list[str]) -> None:
        self._connection.sendall("\n".join(batch).encode() + b"\n")


def senders(house: House, file: Path, first: int, post: int, write: int, pipe: int) -> list[Sender]:
    """A sender of each kind, started; ``first`` is the number of the first, the others how many lines each sends."""
    start = time.time_ns() // 1000 - 5 * MINUTE
    load: list[Sender] = [
        Poster(house, first, lines(first, start, 1000), batch=100, pause=0.02, limit=post),
        Writer(file, "rename", 10**9, first + 1, lines(first + 1, start, 1000), batch=100, pause=0.02, limit=write),
        Pipe(house, first + 2, lines(first + 2, start, 1000), pipe),
    ]
    for sender in load:
        sender.start()
    return load


def still(house: House, load: list[Sender]) -> bool:
    """Whether nothing was sent or stored for two seconds."""
    before = house.positions()[0], [sender.sent for sender in load]
    time.sleep(2)
    return before == (house.positions()[0], [sender.sent for sender in load])


def stored(house: House) -> list[int]:
    """Serials of the events in the store, as often as they are there."""
    return [s for row in house.show("events", "-n", "1000000") if (s := serial_of(row["original"])) is not None]


def test_a_full_disk(houses: Houses, disk: Path, tmp_path: Path) -> None:
    """No room: 503 with Retry-After, TCP waits, files are not read on, health and log say why; with room all is stored, once."""
    file = tmp_path / "growing.log"
    house = houses(files={"growing": {"paths": [str(file)]}}, home=str(disk / "var"))
    house.home = disk / "var"
    house.start()
    before = senders(house, file, 0, 5_000, 5_000, 5_000)
    for sender in before:
        sender.wait()
    until(lambda: house.positions()[0] >= 15_000, 60)
    until(lambda: fill(disk) and refusal(house) == (503, "5"), 60)
    until(lambda: fill(disk) and house.metrics().get("collector_full", 0) == 1, 60)
    until(lambda: "is full" in str(health(house)), 10)
    assert not house.ready()
    roles = {role: process.pid for role, process in house.processes().items()}
    taken = house.positions()[0]
    load = senders(house, file, 3, 1_000, 10_000, 30_000)
    load[1].wait()
    until(lambda: fill(disk) and still(house, load), 60)
    assert house.positions()[0] == taken
    assert load[0].sent == 0 and load[1].sent == 10_000 and load[2].sent < 30_000
    log = (house.home / "logs/collect.jsonl").read_text("utf-8") + house.printed()
    assert "backbone_full" in log
    memory = house.processes()["collect"].memory_info().rss >> 20
    assert memory < 250
    (disk / "ballast").unlink()
    until(house.ready, 90)
    until(lambda: house.metrics().get("collector_full", 1) == 0, 30)
    for sender in load:
        sender.wait()
    expected = {serial for sender in (*before, *load) for serial in sender.serials}
    assert len(expected) == 56_000
    house.settle(len(expected), 90)
    assert {role: process.pid for role, process in house.processes().items()} == roles, "a process ended on the full disk"
    house.stop()
    found = stored(house)
    print(f"\n{len(expected)} sent, {len(found)} stored; while full, role collect used {memory} MiB")
    assert len(found) == len(set(found)) and set(found) == expected


def flood(house: House, number: int) -> int:
    """Send without bound until the house says 503; how many lines it acknowledged."""
    source, sent = lines(number, time.time_ns() // 1000 - 5 * MINUTE, 1000), 0
    while True:
        body = "\n".join(next(source) for _ in range(1000)).encode() + b"\n"
        status = house.post(body, f"{number}-{sent}", kind="text/plain")
        if status == 503:
            return sent
        assert status == 200
        sent += 1000


def test_a_flood_drains_by_itself(houses: Houses, disk: Path) -> None:
    """Sent to without bound while nothing is matched or stored, the house refuses in time: with no help all it took is matched
    and stored once on the same disk, no role ever finds the disk full, and it takes records again."""
    house = houses(home=str(disk / "var"))
    house.home = disk / "var"
    house.start()
    behind = [house.processes()[role] for role in ("correlate", "store")]
    for process in behind:
        process.send_signal(signal.SIGSTOP)
    sent = flood(house, 0)
    assert sent > 50_000 and house.positions() == (sent, *house.positions()[1:])
    until(lambda: "must be while what waits is stored" in str(health(house)), 10)
    for process in behind:
        process.send_signal(signal.SIGCONT)
    house.settle(sent, 180, stored=True)
    until(house.ready, 60)
    until(lambda: house.post(b"<13>one more\n", kind="text/plain") == 200, 30)
    assert house.metrics().get("store_full", 0) == 0
    house.stop()
    logs = "".join(f.read_text("utf-8") for f in (house.home / "logs").glob("*.jsonl"))
    assert logs.count("backbone_full") < 10
    assert "store_full" not in logs and "correlator_state_full" not in logs and "loop crashed" not in logs
    found = stored(house)
    print(f"\n{sent} taken, {len(found)} stored")
    assert len(found) == len(set(found)) and set(found) == set(range(sent))


def health(house: House) -> object:
    try:
        return house.get("/readyz")
    except urllib.error.HTTPError as error:
        return error.read()
