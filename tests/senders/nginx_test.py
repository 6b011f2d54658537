"""A real nginx's files, followed across rotations, with an attack in them that must reach the national API."""

import gzip
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kept import arrived, events, now, reported
from programs import Program, installed, logrotate
from running import HANOI, Running, once, until

from bench.house import House

pytestmark = pytest.mark.slow
WEBSHELL = "995a9230-0914-499e-839e-033da5648415"
TRAVERSAL = "b0cf9086-1cf8-42c5-bad0-2b61b25c0dbb"
ATTACKER = "203.0.113.45"
CITIZEN = "198.51.100.20"
BROWSER = "Trình duyệt Cốc Cốc/112 (thử nghiệm)"


class Site:
    """nginx on a port of its own, its logs in ``logs`` as Debian names them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.logs, self.since = folder, folder / "logs", now()
        self.access, self.error = self.logs / "access.log", self.logs / "error.log"
        for part in (self.logs, folder / "tmp", folder / "www"):
            part.mkdir(parents=True)
        (folder / "www/index.html").write_text("<h1>Cổng dịch vụ công</h1>", "utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.settings = folder / "nginx.conf"
        self.settings.write_text(self._settings(), "utf-8")

    def _settings(self) -> str:
        paths = "\n".join(
            f"{name}_temp_path {self.folder}/tmp/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # The tests' folder is private: a worker of another account could not open its logs again.
        user = "user root;" if os.geteuid() == 0 else ""
        return f"""{user}
worker_processes 2;
daemon off;
pid {self.folder}/nginx.pid;
error_log {self.error};
events {{ }}
http {{
    {paths}
    access_log {self.access} combined;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    server {{
        listen 127.0.0.1:{self.port};
        root {self.folder}/www;
        location /tep-dinh-kem/ {{ return 200 "uid=33(www-data)"; }}
        location /xem {{ return 200 "root:x:0:0"; }}
    }}
}}
"""

    def curl(self, *addresses: str, source: str = CITIZEN, agent: str = BROWSER) -> None:
        """GET each of ``addresses`` as ``source``, one connection for all."""
        urls = [f"http://127.0.0.1:{self.port}{path}" for path in addresses]
        arguments = ["-s", "--path-as-is", "-A", agent, "-H", f"X-Forwarded-For: {source}"]
        for url in urls:
            arguments += ["-o", os.devnull, url]
        once(installed("curl", "curl"), *arguments)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[Site, Running, House]]:
    """nginx, and a house that follows its two logs."""
    program: Program = installed("nginx", "nginx-light")
    site = Site(folder / "nginx")
    files = {
        "dvc-access": {"format": "nginx_access", "paths": [str(site.access)], "host": "dvc-web01"},
        "dvc-error": {"format": "nginx_error", "paths": [str(site.error)], "host": "dvc-web01"},
    }
    with Running(program, ["-p", site.folder, "-c", site.settings, "-e", site.error], folder, TZ=HANOI) as nginx:
        nginx.until("nginx listens", lambda: _listens(site.port))
        with House(folder / "house", files=files) as house:
            site.curl("/")
            arrived(house, "source:dvc-access", 1)
            yield site, nginx, house


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def rename(site: Site, nginx: Running) -> None:
    """As logrotate does it: older files move on by one, rename, USR1 makes nginx open new files."""
    for file in (site.access, site.error):
        for number in range(8, 0, -1):
            older = file.with_name(f"{file.name}.{number}")
            if older.exists():
                older.rename(file.with_name(f"{file.name}.{number + 1}"))
        file.rename(file.with_name(f"{file.name}.1"))
    nginx.process.send_signal(signal.SIGUSR1)  # type: ignore[union-attr]
    until("nginx opens new files", lambda: site.access.exists() and site.error.exists())


def logrotated(site: Site, nginx: Running) -> None:
    """By logrotate itself, with the lines of Debian's nginx package; the file before the last is compressed."""
    settings = site.folder / "logrotate.conf"
    settings.write_text(f"""{site.logs}/*.log {{
    rotate 14
    missingok
    compress
    delaycompress
    notifempty
    nocreate
    sharedscripts
    postrotate
        kill -USR1 {nginx.pid}
    endscript
}}
""")
    settings.chmod(0o644)
    once(logrotate(), "--force", "--state", site.folder / "logrotate.state", settings)
    until("nginx opens new files", lambda: site.access.exists() and site.error.exists())


def written(file: Path) -> list[str]:
    """All lines of a log and of what it was renamed to."""
    lines: list[str] = []
    for part in file.parent.glob(f"{file.name}*"):
        data = part.read_bytes()
        lines += (gzip.decompress(data) if part.suffix == ".gz" else data).decode().splitlines()
    return lines


@pytest.mark.parametrize("rotate", [rename, logrotated])
def test_access_and_error_log_across_rotations(
    served: tuple[Site, Running, House], rotate: Callable[[Site, Running], None]
) -> None:
    """Every line nginx wrote is stored once, through two rotations under load: address, time, agent and status understood."""
    site, nginx, house = served
    for number in range(1, 4):
        site.curl(*(f"/tra-cuu/h%E1%BB%93-s%C6%A1-{number}-{n}?ma=HS{n:04d}" for n in range(100)))
        site.curl(*(["/"] * 100))
        if number < 3:
            rotate(site, nginx)
    lines, errors = written(site.access), written(site.error)
    assert len(lines) == 601
    found = arrived(house, "source:dvc-access", 601)
    assert sorted(e.original for e in found) == sorted(lines)
    for event in found:
        assert (event.format, event.host, event.system, event.tags) == ("nginx_access", "dvc-web01", "dvc", ())
        assert site.since - 1_000_000 <= event.happened_at <= event.received_at
        assert (event.fields["c-ip"], event.fields["cs-user-agent"]) == (CITIZEN, BROWSER)
    assert sorted({int(e.fields["sc-status"]) for e in found}) == [200, 404]
    lost = next(e for e in found if e.fields["sc-status"] == 404)
    assert lost.fields["cs-uri-stem"].startswith("/tra-cuu/h%E1%BB%93")
    kept = arrived(house, "source:dvc-error", len(errors))
    assert sorted(e.original for e in kept) == sorted(errors)
    missing = [e for e in kept if e.fields["level"] == "error"]
    assert len(missing) == 300
    for event in missing:
        assert (event.format, event.host, event.fields["c-ip"]) == ("nginx_error", "dvc-web01", CITIZEN)
        assert "/tra-cuu/hồ-sơ-" in event.fields["message"], "paths arrive as nginx writes them: Vietnamese, not escaped"
        assert site.since - 1_000_000 <= event.happened_at <= event.received_at


def test_attack_reaches_the_national_api(served: tuple[Site, Running, House]) -> None:
    """A web shell used and a file read by path traversal: alerts, an incident of that address, a receipt."""
    site, nginx, house = served
    site.curl(*(["/"] * 20))
    site.curl("/tep-dinh-kem/2026/don-xin-cap-phep.jsp?cmd=id", source=ATTACKER)
    rename(site, nginx)
    site.curl("/xem?tep=../../../../etc/passwd", source=ATTACKER)
    alert, incident = reported(house, WEBSHELL)
    assert {(e["kind"], e["value"]) for e in alert["entities"]} >= {("ip", ATTACKER)}
    assert (alert["level"], alert["systems"], alert["count"]) == ("critical", ["dvc"], 1)
    assert alert["happened_at"] <= alert["received_at"] <= alert["stored_at"] <= alert["detected_at"]
    traversal, same = reported(house, TRAVERSAL)
    assert same["id"] == incident["id"], "one attacker, one incident"
    until("both alerts in the incident", lambda: len(reported(house, WEBSHELL)[1]["alerts"]) == 2)
    assert incident["national_id"] and traversal["systems"] == ["dvc"]
    kept = house.get("/api/v1/incidents", house.national, house.key("national-client"))
    assert incident["national_id"] in str(kept), "the national side has it"


def test_scan_with_tool(served: tuple[Site, Running, House]) -> None:
    """curl in the name of a scanner, 150 pages that do not exist: the rules of scanning see it, nothing else does."""
    site, _, house = served
    site.curl(*(f"/wp-admin/{n}.php" for n in range(150)), source=ATTACKER, agent="sqlmap/1.8")
    arrived(house, "cs-user-agent:sqlmap*", 150)
    house.settle(151)
    rules = until("two alerts", lambda: {a["title"] for a in house.show("alerts")} if len(house.show("alerts")) > 1 else None)
    assert rules == {"Vulnerability Scanner Names Itself", "Scanner Asks for Many Pages That Do Not Exist"}
    assert all(e.fields["c-ip"] == ATTACKER for e in events(house, "cs-user-agent:sqlmap*"))
