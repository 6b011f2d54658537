"""What comes with the package, found in a checkout and in an installation."""

import sys
from pathlib import Path

import pytest

from daemon import shipped
from daemon.load import load

ROOT = Path(__file__).parents[2]


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
