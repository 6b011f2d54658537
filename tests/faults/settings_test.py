"""Wrong settings, busy ports, missing and unreadable places, by the command line: one clear sentence, the right exit code."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bench.house import ROOT, House

Houses = Callable[..., House]
pytestmark = pytest.mark.slow


def run(house: House, command: str = "run", *arguments: str, limited: bool = False) -> tuple[int, list[str]]:
    """Exit code and our sentences on standard error. ``limited``: permissions hold, even when the tests are root's."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VONGGAC_")}
    line = [sys.executable, "-m", "daemon.cli", command, "--config", str(house.file), *arguments]
    if limited and os.getuid() == 0:
        line = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *line]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr + done.stdout
    return done.returncode, [text for text in done.stderr.splitlines() if text.startswith("vonggac: ")]


def line_of(house: House, text: str) -> int:
    """1-based number of the line of the settings' file that has ``text``."""
    return next(n for n, line in enumerate(house.file.read_text("utf-8").splitlines(), 1) if text in line)


def change(house: House, **values: object) -> None:
    house.file.write_text(yaml.safe_dump(yaml.safe_load(house.file.read_text("utf-8")) | values, allow_unicode=True), "utf-8")


def test_busy_ports_are_all_named(houses: Houses) -> None:
    """Each address that is taken is named with its line, all at once, before anything is started; exit code 2."""
    house = houses()
    with socket.socket() as one, socket.socket() as two:
        for taken, port in ((one, house.http), (two, house.console)):
            taken.bind(("127.0.0.1", port))
            taken.listen()
        code, said = run(house)
    assert code == 2
    assert len(said) == 2
    for port in (house.http, house.console):
        line = line_of(house, f"127.0.0.1:{port}")
        assert any(f"{house.file}:{line}: cannot listen on 127.0.0.1:{port}: another program uses it" in text for text in said)


def test_a_folder_that_cannot_be_made(houses: Houses, tmp_path: Path) -> None:
    """Where a file stands in the way of the data folder: a sentence that names it."""
    house = houses()
    (tmp_path / "file").write_text("")
    change(house, home=str(tmp_path / "file/var"))
    code, said = run(house)
    assert code in (1, 2)
    assert len(said) == 1 and str(tmp_path / "file") in said[0]


def test_a_folder_without_rights(houses: Houses, tmp_path: Path) -> None:
    """A data folder this user may not write: a sentence that names it and says why."""
    house = houses()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    change(house, home=str(closed / "var"))
    code, said = run(house, limited=True)
    assert code in (1, 2), said
    assert len(said) == 1 and str(closed) in said[0] and "Permission denied" in said[0]


def test_a_settings_file_that_may_not_be_read(houses: Houses) -> None:
    """A settings file without read permission: said with the reason, exit code 2."""
    house = houses()
    house.file.chmod(0o000)
    code, said = run(house, limited=True)
    assert code == 2 and len(said) == 1
    assert str(house.file) in said[0] and "not readable" in said[0]


def test_missing_files_are_named_with_their_line(houses: Houses, tmp_path: Path) -> None:
    """A settings' file, a register, a rules' folder that are not there."""
    house = houses()
    code, said = run(house, "run", "--config", str(tmp_path / "nowhere.yml"))
    assert code == 2 and len(said) == 1 and "nowhere.yml" in said[0]
    change(house, rules={"paths": [str(tmp_path / "no-rules")]})
    code, said = run(house)
    assert code == 2 and len(said) == 1
    assert said[0].startswith(f"vonggac: {house.file}:{line_of(house, 'no-rules')}: ")
    house = houses("other")
    change(house, systems=str(tmp_path / "no-systems.yml"))
    code, said = run(house)
    assert code == 2 and len(said) == 1 and "no-systems.yml" in said[0]


@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_a_key_others_may_read_is_refused(houses: Houses, mode: int) -> None:
    """A key whose file others may read is no secret: said with the file and what to do."""
    house = houses()
    house.start()
    house.stop()
    key = house.home / "keys/ingest.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(mode)
    code, said = run(house)
    assert code == 2 and len(said) == 1
    assert str(key) in said[0] and "chmod 600" in said[0]


def test_a_second_start_is_refused(houses: Houses) -> None:
    """While a house runs, a second start at the same place says so with its process id, and disturbs nothing."""
    house = houses()
    house.start()
    assert house.process is not None
    code, said = run(house)
    assert code == 2 and len(said) == 1
    assert f"already runs here (pid {house.process.pid})" in said[0]
    assert house.ready()
    assert house.post(b'{"a": 1}\n') == 200


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("home: [unclosed\nrules: {}\n", 2, ""),
        ("home: var\n\thome: tab\n", 2, ""),
        ("home: var\nhome: twice\n", 2, "`home` stands here a second time"),
        ("colector:\n  sources: []\n", 1, "did you mean `collector`"),
        ("- a list\n", 1, ""),
        ("collector: {sources: [{name: a, type: syslog_tpc, listen: '127.0.0.1:1'}]}\n", 1, "did you mean `syslog_tcp`"),
        ("", 0, "collector"),
    ],
)
def test_broken_yaml_is_one_sentence_with_its_line(houses: Houses, text: str, line: int, said: str) -> None:
    """What is wrong with the file is said with file and line, and what was probably meant."""
    house = houses()
    house.file.write_text(text, "utf-8")
    code, sentences = run(house)
    assert code == 2 and sentences
    place = f"{house.file}:{line}: " if line else str(house.file)
    assert any(place in sentence and said in sentence for sentence in sentences), sentences


def test_yaml_bombs_are_refused_at_once(houses: Houses, tmp_path: Path) -> None:
    """Nine levels of aliases, or 200,000 brackets, in the settings or the register: refused within seconds."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
    )
    deep = "home: " + "[" * 200_000 + "]" * 200_000 + "\n"
    for number, text in enumerate((bomb, deep)):
        house = houses(f"settings-{number}")
        house.file.write_text(text, "utf-8")
        code, said = run(house, "check")
        assert code == 2 and all(len(text) < 1000 for text in said)
        assert any(str(house.file) in text for text in said)
        house = houses(f"register-{number}")
        (tmp_path / "bomb.yml").write_text(text, "utf-8")
        change(house, systems=str(tmp_path / "bomb.yml"))
        code, said = run(house, "check")
        assert code == 2 and len(said) == 1 and len(said[0]) < 1000 and "bomb.yml:1: " in said[0]
