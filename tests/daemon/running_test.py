"""Starting the whole house, and what happens when something is in the way. Real processes, each house in a folder of its own."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bench.house import House
from daemon import keys, running
from daemon.keys import NAMES
from daemon.load import load

ROOT = Path(__file__).parents[2]
LINE = b"<85>1 - dvc-web01 sudo - - - www-data : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/systemctl stop auditd\n"
EXPERTS_LINE = "product: linux"


def until(holds: Callable[[], object], limit: float = 15.0) -> None:
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def ended(house: House, *arguments: str) -> tuple[int, str]:
    """Exit code of `vonggac run` that cannot start, and what it printed."""
    house.begin("run", *arguments)
    assert house.process is not None
    try:
        return house.process.wait(60), house.printed()
    finally:
        house.kill()


def test_folders_and_keys_are_made_private(config: Path) -> None:
    """The first start makes folders of mode 0700 and keys of 0600; the second changes nothing."""
    loaded = load(config)
    running.prepare(loaded)
    made = {f: f.read_bytes() for f in (loaded.home / "keys").iterdir()}
    running.prepare(loaded)
    assert {f: f.read_bytes() for f in (loaded.home / "keys").iterdir()} == made
    assert {f"{name}.key" for name in NAMES} | {"syslog-tls.crt", "syslog-tls.key"} == {f.name for f in made}
    assert all(f.stat().st_mode & 0o077 == 0 for f in made if f.suffix == ".key")
    assert all(f.stat().st_mode & 0o077 == 0 for f in loaded.home.rglob("*") if f.is_dir())


def test_the_greeting_says_what_listens_where_and_no_key(config: Path) -> None:
    """Addresses, the data folder, a first line that works in a shell, the console's token; of the other keys only the files."""
    text = config.read_text("utf-8")
    text += '    - {name: h, type: http, listen: "127.0.0.1:8088"}\n    - {name: f, type: file, paths: [/var/log/x.log]}\n'
    config.write_text(text, "utf-8")
    loaded = load(config)
    running.prepare(loaded)
    said = running.greeting(loaded, 1.2)
    for text in ("127.0.0.1:5514", "http://127.0.0.1:8088/ingest", "/var/log/x.log", "http://127.0.0.1:8080/", str(loaded.home)):
        assert text in said
    tokens = {name: keys.token(loaded.home / "keys", name).reveal() for name in NAMES}
    assert {name for name, token in tokens.items() if token in said} == {"console"}
    assert "> /dev/tcp/127.0.0.1/5514" in running.first_line(loaded)


def test_without_syslog_the_first_line_is_the_demo(config: Path) -> None:
    """Settings without a TCP listener do not suggest a line that nobody would take."""
    text = config.read_text("utf-8").replace("syslog_tcp", "syslog_udp")
    config.write_text(text, "utf-8")
    assert running.first_line(load(config)).endswith("demo")


@pytest.mark.slow
def test_a_role_that_cannot_start_ends_everything_with_its_reason(tmp_path: Path) -> None:
    """A profile that does not exist: exit code 2, the reason with file and line, no process left."""
    house = House(tmp_path, notifier={"legal": "VN-2062"})
    code, printed = ended(house)
    assert code == 2
    line = next(n for n, text in enumerate(house.file.read_text("utf-8").splitlines(), 1) if "VN-2062" in text)
    assert f"{house.file}:{line}: no legal profile `VN-2062` (there are: VN-2017, VN-2026)" in printed
    assert "notify cannot start with this configuration" in printed and "Traceback" not in printed


@pytest.mark.slow
def test_busy_ports_and_a_running_house_are_told(tmp_path: Path) -> None:
    """A second start on the same data, and another house on the same ports, end with code 2 and one sentence a problem."""
    with House(tmp_path / "one") as first:
        second = subprocess.run(
            [sys.executable, "-m", "daemon.cli", "run", "--config", str(first.file)], cwd=ROOT, capture_output=True, text=True
        )
        assert second.returncode == 2 and "vonggac already runs here (pid " in second.stderr
        other = House(tmp_path / "two")
        document = yaml.safe_load(first.file.read_text("utf-8")) | {"home": str(other.home)}
        other.file.write_text(yaml.safe_dump(document), "utf-8")
        code, printed = ended(other)
        assert code == 2
        for port in (first.syslog, first.tls, first.http, first.console, first.national):
            assert f"cannot listen on 127.0.0.1:{port}: another program uses it" in printed
        assert "Traceback" not in printed + second.stderr
        assert first.ready()


@pytest.mark.slow
def test_roles_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """kill -9 of the supervisor: its roles notice, finish what they have in hand and end; the next start goes on."""
    house = House(tmp_path)
    with house:
        house.send(LINE)
        house.settle(1)
        house.kill("run")
        until(lambda: not house.orphans(), 15)
        house.start()
        until(lambda: len(house.show("alerts")) == 1)
        doctor = house.show("doctor")
        assert {f["about"] for f in doctor if not f["well"]} <= {"disk", "hyperscan"}, doctor
        assert {"settings", "keys", "roles", "rules", "lag of correlate", "deliveries", "evidence", "national link"} <= {
            f["about"] for f in doctor
        }


@pytest.mark.slow
def test_no_secret_is_written_anywhere_but_in_its_file(tmp_path: Path) -> None:
    """After right and wrong requests no token stands in a log, on /metrics, in health, in a process' arguments or on the screen.

    Only the console's is printed, once, to the person who started it.
    """
    house = House(tmp_path, log_level="debug")
    with house:
        tokens = {name: house.key(name) for name in NAMES}
        wrong = "wrong-key-that-somebody-typed-1234567"
        house.send(LINE)
        assert house.post(b'{"a":1}\n') == 200
        request = urllib.request.Request(f"http://127.0.0.1:{house.http}/ingest", b"x", {"Authorization": f"Bearer {wrong}"})
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=5)
        house.settle(2)
        until(lambda: [i for i in house.show("incidents") if i["national_id"]])
        with urllib.request.urlopen(f"http://127.0.0.1:{house.console}/metrics", timeout=5) as answer:
            seen = answer.read().decode()
        seen += " ".join(word for process in house.processes().values() for word in process.cmdline())
        seen += " ".join(str(process.environ()) for process in house.processes().values())
        house.stop()
    for folder in ("logs", "run"):
        seen += "".join(f.read_text("utf-8", "replace") for f in (house.home / folder).rglob("*") if f.is_file())
    assert len(seen) > 1000
    assert [name for name, token in tokens.items() if token in seen] == [] and wrong not in seen
    printed = house.printed()
    assert [name for name, token in tokens.items() if token in printed] == ["console"] and printed.count(tokens["console"]) == 1


@pytest.mark.slow
def test_it_runs_where_other_programs_have_folders_of_the_same_names(tmp_path: Path) -> None:
    """Started in a folder that has a ``model`` package of its own, the roles import ours."""
    house = House(tmp_path / "house")
    (tmp_path / "elsewhere/model").mkdir(parents=True)
    (tmp_path / "elsewhere/model/__init__.py").write_text("raise RuntimeError('not ours')\n")
    line = [sys.executable, "-P", "-c", "from daemon.cli import main; main()", "run", "--config", str(house.file)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (house.folder / "printed.txt").open("ab") as printed:
        house.process = subprocess.Popen(line, cwd=tmp_path / "elsewhere", env=environment, stdout=printed, stderr=printed)
    try:
        until(lambda: house.ready() or (house.process and house.process.poll() is not None), 60)
        assert house.ready(), house.printed()
        house.stop()
    finally:
        house.kill()
