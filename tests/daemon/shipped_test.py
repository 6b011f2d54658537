"""What comes with the package, found in a checkout and in an installation."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon import shipped
from daemon.load import load

ROOT = Path(__file__).parents[2]
LINE = b"<85>1 - dvc-web01 sudo - - - www-data : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/systemctl stop auditd\n"


def test_the_first_configuration_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VONGGAC_CONFIG, then config/embedded.yml here, then the checkout's, then the installed one."""
    monkeypatch.delenv("VONGGAC_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert shipped.default_config() == ROOT / "config/embedded.yml"
    (tmp_path / "config").mkdir()
    (tmp_path / "config/embedded.yml").write_text("")
    assert shipped.default_config() == tmp_path / "config/embedded.yml"
    monkeypatch.setenv("VONGGAC_CONFIG", "/some/where.yml")
    assert shipped.default_config() == Path("/some/where.yml")


def test_an_installed_configuration_keeps_its_data_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written into the installation: data goes to var in the current folder, or to VONGGAC_HOME."""
    share = tmp_path / "env/share/vonggac"
    (share / "rules").mkdir(parents=True)
    (share / "config").mkdir()
    for name in ("embedded.yml", "systems.yml"):
        (share / "config" / name).write_bytes((ROOT / "config" / name).read_bytes())
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("VONGGAC_HOME", raising=False)
    monkeypatch.delenv("VONGGAC_CONFIG", raising=False)
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "env/lib/daemon/shipped.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    found = shipped.default_config()
    assert found == share / "config/embedded.yml"
    loaded = load(found)
    assert loaded.home == here / "var"
    assert loaded.rule_paths == (share / "rules",)
    monkeypatch.setenv("VONGGAC_HOME", str(tmp_path / "home"))
    assert load(found).home == tmp_path / "home"


@pytest.mark.slow
def test_the_wheel_runs_outside_a_checkout(tmp_path: Path) -> None:
    """Built, installed and started in an empty folder it finds its configuration and rules, keeps its data there, and works."""
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling")
    command = installed_command(tmp_path)
    here = tmp_path / "here"
    here.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("VONGGAC", "PYTHON", "PROMETHEUS"))}

    def call(*arguments: str) -> str:
        done = subprocess.run([command, *arguments], cwd=here, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    share = tmp_path / "env/share/vonggac"
    checked = call("check")
    assert f"{share}/config/embedded.yml: fine" in checked and f"data        {here}/var" in checked
    assert "tables" in checked and "refused" not in checked
    ports = free_ports(share / "config/embedded.yml")
    with (tmp_path / "printed.txt").open("wb") as printed:
        house = subprocess.Popen([command, "run"], cwd=here, env=environment, stdout=printed, stderr=printed)
    try:
        until(lambda: answers(ports["8080"]) or house.poll() is not None, 60)
        assert house.poll() is None, (tmp_path / "printed.txt").read_text()
        with socket.create_connection(("127.0.0.1", int(ports["5514"]))) as sender:
            sender.sendall(LINE)
        until(lambda: call("alerts", "--json"), 30)
        (alert,) = map(json.loads, call("alerts", "--json").splitlines())
        assert alert["entities"] and json.loads(call("events", "--ecs"))["user"]["name"]
        until(lambda: any(json.loads(i)["national_id"] for i in call("incidents", "--json").splitlines()), 30)
    finally:
        house.send_signal(signal.SIGINT)
        assert house.wait(15) == 0
    assert (here / "var/log.db").is_file()
    assert {f.name for f in share.iterdir()} == {"config", "rules"}


def installed_command(folder: Path) -> Path:
    """The command of a wheel built from a copy of this checkout, in an environment with the packages of this one."""
    source = folder / "source"
    packages = ("model", "backbone", "collector", "correlator", "notifier", "national", "console", "province", "daemon")
    for name in (*packages, "config", "rules"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", str(source), "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)], check=True)
    venv.create(folder / "env", with_pip=False, symlinks=True)
    (wheel,) = folder.glob("*.whl")
    python = folder / "env/bin/python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = (folder / "env/lib").glob("python3.*/site-packages")
    (site / "this.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "env/bin/vonggac"


def free_ports(config: Path) -> dict[str, str]:
    """Puts free ports into the installed settings; usual port → the one there now."""
    text, ports = config.read_text("utf-8"), dict[str, str]()
    for usual in ("5514", "6514", "8088", "8080", "8099"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports[usual] = str(probe.getsockname()[1])
        text = text.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{ports[usual]}")
    config.write_text(f"{text}\nnotifier: {{national: {{url: 'http://127.0.0.1:{ports['8099']}'}}}}\n", "utf-8")
    return ports


def answers(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(holds: Callable[[], object], limit: float) -> None:
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def test_the_configuration_of_many_machines_loads() -> None:
    """It is one of ours, with TLS and passwords on."""
    far = load(ROOT / "config/distributed.yml").settings.distributed
    assert far is not None and far.kafka.tls and far.kafka.password_file and far.kafka.replication == 3
    assert all(url.startswith("https://") for url in far.elasticsearch.urls)
