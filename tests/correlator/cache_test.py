"""Compiled rules on disk: used when nothing changed, never when somebody else could have written them."""

import sys
from pathlib import Path

import pytest

from correlator import cache
from correlator.cache import load_or_compile
from correlator.match import Matcher
from model import ConfigError, Event, LogSource

RULE = """title: one
id: 00000000-0000-4000-8000-000000000001
logsource: {product: p}
detection:
  s: {'a|contains': needle}
  k: [word]
  condition: s or k
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/one.yml").write_text(RULE)
    return tmp_path / "rules"


def hit(matcher: Matcher, text: str) -> bool:
    return bool(matcher.match(Event("", "", 0, 0, "", "json", LogSource(product="p"), fields={"a": text})))


def test_cold_then_warm(rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first start compiles in a child and tells its progress; the second reads the file; both match the same."""
    told: list[str] = []
    cold = load_or_compile([rules], tmp_path / "cache", lambda what, done, of: told.append(what))
    monkeypatch.setattr(cache, "_compile_in_child", None)
    warm = load_or_compile([rules], tmp_path / "cache")
    assert warm == cold
    assert {"load", "compile", "patterns"} <= set(told)
    assert hit(Matcher(warm), "a Needle") and hit(Matcher(warm), "a Word") and not hit(Matcher(warm), "hay")


def test_a_change_compiles_again(rules: Path, tmp_path: Path) -> None:
    """Another content, another placeholder: another file."""
    load_or_compile([rules], tmp_path / "cache")
    (rules / "one.yml").write_text(RULE.replace("needle", "pin"))
    assert hit(Matcher(load_or_compile([rules], tmp_path / "cache")), "pin")
    assert len(list((tmp_path / "cache").glob("*.rules"))) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="file modes")
def test_only_we_may_have_written_it(rules: Path, tmp_path: Path) -> None:
    """Folder and file are closed to others; a folder others can write to is refused."""
    folder = tmp_path / "cache"
    load_or_compile([rules], folder)
    (file,) = folder.glob("*.rules")
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o077) == (0o600, 0)
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="chmod"):
        load_or_compile([rules], folder)


def test_damage_compiles_again(rules: Path, tmp_path: Path) -> None:
    """A file that lost a byte, is empty, or is readable by others is not used but made again."""
    folder = tmp_path / "cache"
    load_or_compile([rules], folder)
    (file,) = folder.glob("*.rules")
    whole = file.read_bytes()
    for damaged in (whole[:-1], b"", whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
        file.write_bytes(damaged)
        assert hit(Matcher(load_or_compile([rules], folder)), "needle")
        assert file.read_bytes() == whole


def test_a_crash_leaves_nothing_half(rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves neither a cache file nor a part of one."""
    compiled = load_or_compile([rules], tmp_path / "cache")

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "fsync", fail)
    with pytest.raises(OSError, match="space"):
        cache.write(tmp_path / "cache" / "new.rules", compiled)
    assert not list((tmp_path / "cache").glob("*.part")) and not (tmp_path / "cache/new.rules").exists()


def test_refusals_are_kept(rules: Path, tmp_path: Path) -> None:
    """What was refused is told at a warm start too."""
    (rules / "bad.yml").write_text("title: [")
    for _ in range(2):
        assert "bad.yml:" in str(load_or_compile([rules], tmp_path / "cache").refused[0])
