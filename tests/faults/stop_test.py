"""Stopping under load, losing the supervisor, loops that crash again and again."""

import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.house import House
from bench.load import Poster, Sender, Writer, lines
from model.moment import MINUTE
from province.endless import serial_of

Houses = Callable[..., House]
pytestmark = pytest.mark.slow


def until(true: Callable[[], bool], limit: float) -> None:
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Caller(Sender):
    """Syslog over TCP on one connection, a few thousand lines a second."""

    def __init__(self, house: House, number: int, source: Iterator[str]) -> None:
        super().__init__(number, source, batch=50, pause=0.02)
        self._connection = socket.create_connection(("127.0.0.1", house.syslog))
        # Syslog over TCP has no answers: what still waits in the sender's own kernel is the sender's risk.
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)

    def pass_on(self, batch: list[str]) -> None:
        self._connection.sendall("\n".join(batch).encode() + b"\n")

    def finish(self) -> None:
        super().finish()
        self._connection.close()


def test_a_stop_under_load_loses_nothing(houses: Houses, tmp_path: Path) -> None:
    """Ctrl-C while HTTP, TCP and files send: stopped within 10 s; what was sent before and what comes after is stored once."""
    start, file = time.time_ns() // 1000 - 5 * MINUTE, tmp_path / "growing.log"
    house = houses(files={"growing": {"paths": [str(file)]}})
    house.start()
    senders: list[Sender] = [
        Poster(house, 0, lines(0, start, 1000), batch=50, pause=0.01),
        Writer(file, "rename", 10_000, 1, lines(1, start, 1000), batch=50, pause=0.01),
    ]
    caller = Caller(house, 2, lines(2, start, 1000))
    senders.append(caller)
    for sender in senders:
        sender.start()
    took = []
    for _ in range(2):
        time.sleep(3)
        caller.finish()
        took.append(house.stop())
        house.start()
        caller = Caller(house, caller.number + 1, lines(caller.number + 1, start, 1000))
        senders.append(caller)
        caller.start()
    time.sleep(1)
    for sender in senders:
        sender.finish()
    expected = {serial for sender in senders for serial in sender.serials}
    house.settle(len(expected), 60)
    took.append(house.stop())
    found = [serial_of(row["original"]) for row in house.show("events", "-n", "1000000")]
    print(f"\nstops took {', '.join(f'{t:.1f}' for t in took)} s; {len(expected)} sent, {len(found)} stored")
    assert max(took) < 10
    assert len(found) == len(set(found))
    assert expected <= set(found)


def test_children_of_a_killed_supervisor_stop_by_themselves(houses: Houses) -> None:
    """kill -9 of the supervisor: within seconds no role is left, nothing acknowledged is lost, and the next start works."""
    house = houses()
    house.start()
    assert house.post(b'{"n": "vg-000000000001"}\n') == 200
    roles = house.processes()
    assert len(roles) == 7
    house.kill("run")
    began = time.monotonic()
    until(lambda: not house.orphans(), 10)
    print(f"\n6 roles stopped by themselves within {time.monotonic() - began:.1f} s")
    house.start()
    assert house.post(b'{"n": "vg-000000000002"}\n') == 200
    house.settle(2)
    house.stop()
    assert sorted(serial_of(r["original"]) or 0 for r in house.show("events")) == [1, 2]


def test_a_start_right_after_a_killed_supervisor(houses: Houses, tmp_path: Path) -> None:
    """The next start comes while the old roles still live: they are waited for, and no line of a file is stored twice."""
    file = tmp_path / "growing.log"
    house = houses(files={"growing": {"paths": [str(file)]}})
    house.start()
    writer = Writer(file, "rename", 10**9, 1, lines(1, time.time_ns() // 1000 - MINUTE, 1000), batch=20, pause=0.01)
    writer.start()
    for _ in range(3):
        time.sleep(1)
        house.kill("run")
        house.start()
    writer.finish()
    house.settle(writer.sent)
    house.stop()
    found = [serial_of(row["original"]) for row in house.show("events", "-n", "1000000")]
    assert sorted(s for s in found if s is not None) == list(writer.serials)


def test_a_loop_that_crashes_is_seen_and_tried_again(houses: Houses) -> None:
    """A damaged store: its loop starts again with growing pauses, /healthz, /readyz and /metrics say so; all others work on."""
    house = houses()
    house.start()
    assert house.post(b'{"a": 1}\n') == 200
    house.settle(1, stored=False)
    house.stop()
    with sqlite3.connect(house.home / "log.db") as log:
        log.execute("UPDATE topics SET end = 0")  # the state is ahead of the log now: not what anybody may go on from
        log.execute("DELETE FROM batches")
    log.close()
    house.begin()

    def health() -> str:
        try:
            return str(house.get("/healthz"))
        except OSError as error:
            return str(getattr(error, "code", "")) + (error.read().decode() if hasattr(error, "read") else "")

    until(lambda: "correlate: loop correlate is restarting" in health(), 60)
    said = health()
    assert said.startswith("503") and "do not belong together" in said and not house.ready()
    until(lambda: house.metrics().get('daemon_restarts_total{loop="correlate"}', 0) >= 3, 30)
    assert house.get("/api/v1/overview")["problems"]
    assert house.post(b'{"a": 2}\n') == 200
    assert house.stop() < 10
