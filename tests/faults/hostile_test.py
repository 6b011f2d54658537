"""Hostile input over every way in: the house stays well, memory stays bounded, all of it is counted, good records go on."""

import contextlib
import gzip
import itertools
import socket
import ssl
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.house import House
from province.endless import serial_of

Houses = Callable[..., House]
pytestmark = pytest.mark.slow

GROWTH = 120
"""MiB that a process may grow through all of it: buffers, memos, a first of everything."""

LINES = {
    "binary": bytes(range(256)).replace(b"\n", b"") * 4,
    "a line of 1 MB": b"<134>Nov 21 16:30:00 web01 app: " + b"x" * 1_000_000,
    "invalid UTF-8": b"<134>Nov 21 16:30:00 web01 app: caf\xe9 \xff\xfe \xc3\x28 \xed\xa0\x80",
    "Windows-1258": b"<134>Nov 21 16:30:00 web01 app: " + "Lôi đăng nhâp công dich vu công".encode("cp1258"),
    "TCVN3": b"<134>Nov 21 16:30:00 web01 app: L\xe7i \xae\xa8ng nh\xcbp c\xe6ng d\xdech v\xf4 c\xabng",
    "NUL bytes": b"<134>Nov 21 16:30:00 web01 app: a\0b\0\0c",
    "only NUL": b"\0" * 500,
    "years in the future": b"<134>1 2199-12-31T23:59:59Z web01 app - - - from the future",
    "years in the past": b"<134>1 1970-01-01T00:00:00Z web01 app - - - from the past",
    "no such date": b"<134>1 2026-99-99T99:99:99Z web01 app - - - never",
    "huge priority": b"<99999999999999999999>Nov 21 16:30:00 web01 app: much",
    "deep JSON": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "deep arrays": b"[" * 30_000 + b"]" * 30_000,
    "unfinished JSON": b'{"a": {"b": [1, 2, "' + b"x" * 1000,
    "wide JSON": b"{" + b",".join(b'"k%d": "%d"' % (n, n) for n in range(5_000)) + b"}",
    "huge number": b'{"n": ' + b"9" * 5_000 + b"}",
    "XML bomb": b'<!DOCTYPE x [<!ENTITY a "aaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Event><System>&b;&b;</System></Event>',
    "deep XML": b"<Event>" + b"<a>" * 10_000,
    "CEF without end": b"CEF:0|a|b|c|d|e|5|" + b"k=v\\= " * 5_000,
    "LEEF": b"LEEF:2.0|a|b|c|d|x09|" + b"k=v\t" * 5_000,
    "pairs": b"k=v " * 10_000,
    "quotes": b'"' * 30_000,
    "audit": b"type=EXECVE msg=audit(99999999999.999:1): argc=99999999 a0=" + b"41" * 10_000,
    "structured data": b"<134>1 2026-11-21T09:30:00Z web01 app - - " + b'[x y="z"]' * 5_000,
    "escapes": b"\x1b[2J\x1b]0;owned\x07 \xe2\x80\xae gpj.exe",
    "format": b"%s%s%n {0.__class__} ${jndi:ldap://x} ' OR 1=1 -- <script>alert(1)</script>",
}


class Watch:
    """Memory of the roles before, and what became of it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._processes = house.processes()
        self.before = self.now()

    def now(self) -> dict[str, int]:
        return {role: process.memory_info().rss >> 20 for role, process in self._processes.items()}

    def check(self) -> None:
        """Every process of the beginning lives, none grew beyond measure, and all are well."""
        after = self.now()
        print("\nRSS MiB before → after: " + ", ".join(f"{role} {self.before[role]} → {after[role]}" for role in after))
        assert {r: p.pid for r, p in self._house.processes().items()} == {r: p.pid for r, p in self._processes.items()}
        assert all(after[role] - self.before[role] < GROWTH for role in after)
        assert self._house.ready(), self._house.get("/healthz")


_serials = itertools.count(1)


def good(house: House) -> None:
    """A good record over each way in is stored and can be found, each within a second or so."""
    secure = ssl.create_default_context()
    secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
    for way in ("udp", "tcp", "tls", "http"):
        serial = next(_serials)
        line = f"<134>1 2026-11-21T09:30:00Z web01 app - - - all is well vg-{serial:012d}\n".encode()
        began = time.monotonic()
        if way == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(line, ("127.0.0.1", house.syslog))
        elif way == "tcp":
            house.send(line)
        elif way == "tls":
            with socket.create_connection(("127.0.0.1", house.tls)) as plain, secure.wrap_socket(plain) as sender:
                sender.sendall(line)
        else:
            assert house.post(line, kind="text/plain") == 200
        while not found(house, serial):
            assert time.monotonic() - began < 15, f"the record over {way} does not arrive"
            time.sleep(0.05)
        assert time.monotonic() - began < 3, way


def found(house: House, serial: int) -> bool:
    answer = house.get(f"/api/v1/events?q=%22vg-{serial:012d}%22")
    return any(serial_of(item["original"]) == serial for item in answer["items"])


@pytest.fixture
def house(houses: Houses) -> Iterator[House]:
    made = houses()
    made.start()
    good(made)
    yield made
    made.stop()


def test_hostile_lines_over_every_way(house: House) -> None:
    """Each kind of junk, over UDP, TCP, TLS and HTTP: kept as received (cut at the limit, said so), counted, nobody harmed."""
    watch = Watch(house)
    before, _, _ = house.positions()
    secure = ssl.create_default_context()
    secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
    for content in LINES.values():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(content[:60_000], ("127.0.0.1", house.syslog))
        house.send(content + b"\n")
        with socket.create_connection(("127.0.0.1", house.tls)) as plain, secure.wrap_socket(plain) as sender:
            sender.sendall(content + b"\n")
        assert house.post(content + b"\n", kind="text/plain") == 200
    kinds = len(LINES)
    house.settle(before + 4 * kinds, 60)
    metrics = house.metrics()
    good(house)
    after, _, _ = house.positions()
    assert after - before >= 4 * kinds
    truncated = sum(value for name, value in metrics.items() if name.startswith("collector_truncated_total"))
    unparsed = sum(value for name, value in metrics.items() if name.startswith("collector_unparsed_total"))
    discarded = sum(value for name, value in metrics.items() if name.startswith("collector_discarded_bytes_total"))
    crashed = sum(value for name, value in metrics.items() if name.startswith("collector_crashed_total"))
    print(f"\n{4 * kinds} hostile records: {truncated:.0f} cut, {discarded:.0f} bytes beyond the limit, {unparsed:.0f} unparsed")
    assert truncated >= 3 and discarded > 1_800_000 and unparsed >= kinds and crashed == 0
    assert metrics.get("correlator_dead_letters_total", 0) == 0
    rows = house.show("events", "-n", "1000")
    texts = {row["original"] for row in rows}
    assert any("đăng" in text for text in texts), "neither Windows-1258 nor TCVN3 was understood"
    far = [row for row in rows if "from the future" in row["original"]]
    assert len(far) == 4 and all("time:future" in row["tags"] for row in far)
    watch.check()


def test_wrong_framing(house: House) -> None:
    """Octet counts that lie, grow, never end or are none: that connection's loss, nobody else's."""
    watch = Watch(house)
    frames = [
        b"99999999999999999999 <134>too much",
        b"1000000000 <134>Nov 21 16:30:00 web01 app: never comes",
        b"5 <134>Nov 21 16:30:00 web01 app: longer than it says\n",
        b"0 0 0 0 0 0 0 0 0 0 ",
        b"00000000000000000000000012 <134>x",
        b"12",
        b"-5 <134>x",
        b"\n" * 100_000,
        b"1 a" * 100_000,
        b"x" * 5_000_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
    ]
    kept = []
    for frame in frames:
        for port in (house.syslog, house.tls):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.settimeout(5)
            with contextlib.suppress(OSError):
                connection.sendall(frame)
            kept.append(connection)
    good(house)
    for connection in kept:
        connection.close()
    good(house)
    watch.check()


def test_slow_and_silent_connections(house: House) -> None:
    """Two hundred connections a kind that say nothing, or a byte now and then: others are served."""
    watch = Watch(house)
    for port in (house.syslog, house.tls, house.http):
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(150)]
        for turn in range(3):
            for connection in slow:
                with contextlib.suppress(OSError):
                    connection.send((b"<134>", b"P", b"GET /")[turn])
            time.sleep(0.1)
        good(house)
        for connection in slow:
            connection.close()
    watch.check()


def test_hostile_requests(house: House) -> None:
    """Gzip bombs, bodies too large, JSON too deep or too wide, wrong types and keys: an answer each, and no memory."""
    watch = Watch(house)
    bomb = gzip.compress(b"\0" * 300_000_000, 9)
    nested = gzip.compress(gzip.compress(b"x" * 10_000_000))
    before, _, _ = house.positions()

    def post(body: bytes, kind: str = "application/json", **more: str) -> int:
        try:
            return house.post(body, kind=kind, **more)
        except (urllib.error.URLError, OSError):
            return 0  # refused before all of it was sent

    assert post(bomb, content_encoding="gzip") == 413
    assert [post(bomb, content_encoding="gzip") for _ in range(5)] == [413] * 5
    assert post(nested, "text/plain", content_encoding="gzip") == 200
    assert post(b"\x1f\x8b not gzip", content_encoding="gzip") == 400
    assert post(bomb[:1000], content_encoding="gzip") == 400
    assert post(b"x", content_encoding="br") == 415
    assert post(b"x" * 11_000_000, "text/plain") in (413, 0)
    assert post(b"[" * 1_000_000) == 400
    assert post(b"[" + b"0," * 60_000 + b"0]") == 413
    assert post(b"{" * 100) == 400
    assert post(b"x", "application/pdf") == 415
    assert post(b'{"a": 1}', authorization="Bearer wrong") == 401
    assert post(b"", "text/plain") in (200, 400)
    assert post(b'[[[[1]]], "text", null, 1e999, {"deep": ' + b"[" * 5_000 + b"]" * 5_000 + b"}]") in (200, 400)
    good(house)
    answers = {name: value for name, value in house.metrics().items() if name.startswith("collector_http_requests_total")}
    print(f"\n{answers}")
    assert any('status="413"' in name for name in answers) and house.positions()[0] >= before + 5
    watch.check()


def test_hostile_files(houses: Houses, tmp_path: Path) -> None:
    """The same junk in followed files, plain and gzip, and a file that is a gzip bomb: read, cut, counted; others go on."""
    folder = tmp_path / "logs"
    folder.mkdir()
    house = houses(files={"junk": {"paths": [str(folder / "*.log*")], "max_line": "16 KiB"}})
    house.start()
    watch = Watch(house)
    content = b"\n".join(LINES.values()) + b"\n"
    (folder / "plain.log").write_bytes(content)
    (folder / "packed.log.1.gz").write_bytes(gzip.compress(content.replace(b"app:", b"app2:")))
    (folder / "bomb.log.gz").write_bytes(gzip.compress(b"\0" * 200_000_000, 9))
    (folder / "damaged.log.2.gz").write_bytes(gzip.compress(content)[:500] + b"junk" * 100)
    (folder / "named.log").symlink_to("/dev/zero")
    house.settle(2 * len(LINES), 60)
    with (folder / "plain.log").open("ab") as stream:
        stream.write(b"<134>1 2026-11-21T09:30:00Z web01 app - - - all is well vg-000000999999\n")
    began = time.monotonic()
    while not found(house, 999_999):
        assert time.monotonic() - began < 10
        time.sleep(0.1)
    time.sleep(3)
    good(house)
    errors = {name: value for name, value in house.metrics().items() if name.startswith("collector_tail_errors")}
    print(f"\n{errors}")
    assert any('reason="damaged"' in name for name in errors)
    watch.check()


def test_hostile_rules(houses: Houses, tmp_path: Path) -> None:
    """Rule files that are broken, bombs, or not rules: each reported with file and line, all others load and hold."""
    rules = tmp_path / "many"
    rules.mkdir()
    (rules / "good.yml").write_bytes((tmp_path / "rules/all.yml").read_bytes())
    head = "title: x\nid: 22222222-0000-4000-8000-00000000000{n}\nlogsource: {{product: linux}}\n"
    bad = {
        "syntax.yml": "title: [unclosed\nlogsource: {}\n",
        "condition.yml": head.format(n=1) + "detection:\n    chosen: {a: b}\n    condition: chosen and nothing\nlevel: low\n",
        "modifier.yml": head.format(n=2) + "detection:\n    chosen:\n        a|nosuch: b\n    condition: chosen\nlevel: low\n",
        "regex.yml": head.format(n=3) + "detection:\n    chosen:\n        a|re: '(unclosed'\n    condition: chosen\nlevel: low\n",
        "binary.yml": "\x00\x01\x02",
        "deep.yml": "title: " + "[" * 300_000 + "\n",
        "bomb.yml": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
    }
    for name, text in bad.items():
        (rules / name).write_text(text, "utf-8")
    (rules / "pipeline.yml").write_text("- makes\n- no claim to be a rule\n")
    (rules / "latin.yml").write_bytes(b"title: \xff\xfe\n")
    house = houses(rules=[rules])
    house.start()
    line = "<86>1 - desk sudo 1 - - clerk : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/check vg-000000000001\n"
    assert house.post(line.encode(), kind="text/plain") == 200
    house.settle(1)
    assert [r["title"] for r in house.show("alerts")] == ["A command was run with sudo"]
    log = (house.home / "logs/correlate.jsonl").read_text("utf-8")
    refused = [text for text in log.splitlines() if "rule refused" in text]
    for name in (*bad, "latin.yml"):
        assert any(f"{name}:" in text for text in refused), f"{name} was not reported with its line"
    metrics = house.metrics()
    assert metrics["correlator_rules_refused"] == len(refused) >= len(bad) + 1
    house.stop()
