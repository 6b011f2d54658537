"""What tests of the command line share: a configuration of its own, and the command called in this process."""

import sys
from pathlib import Path

import pytest

from daemon.cli import main

sys.path.insert(0, str(Path(__file__).parent))

from calling import Answer, Command, rule

SYSTEMS = """\
systems:
  - {code: dvc, row: 1, name: Cổng dịch vụ công, name_en: Public services, owner: UBND, operator: Sở KHCN, level: 3,
     hosts: [dvc-*]}
"""
SETTINGS = """\
home: var
rules: {paths: [rules]}
collector:
  sources:
    - {name: tcp, type: syslog_tcp, listen: "127.0.0.1:5514"}
"""


@pytest.fixture
def vonggac(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """``vonggac("scan", …)`` in this process, with a compiled-rules cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VONGGAC_HOME", raising=False)
    monkeypatch.delenv("VONGGAC_CONFIG", raising=False)

    def call(*arguments: str | Path) -> Answer:
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out, err = capfdbinary.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Answer(code, out.decode(), err.decode())

    return call


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file with its register and one rule; data goes to ``var`` beside it."""
    (tmp_path / "systems.yml").write_text(SYSTEMS, "utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/one.yml").write_text(rule(1, "product: linux", "message|contains: xấu"), "utf-8")
    file = tmp_path / "vonggac.yml"
    file.write_text(SETTINGS, "utf-8")
    return file
