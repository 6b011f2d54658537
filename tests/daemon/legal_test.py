"""The legal profile of a configuration."""

from pathlib import Path

import pytest

from daemon.legal import load_legal
from daemon.load import load
from model import ProblemsError

SHIPPED = Path(__file__).parents[2] / "config/legal"


def problem(config: Path) -> str:
    with pytest.raises(ProblemsError) as caught:
        load_legal(load(config))
    return str(caught.value)


def test_the_shipped_profiles(config: Path) -> None:
    """The profile named in the settings is found in the distribution; another name says which there are, with the line."""
    assert load_legal(load(config)).profile == "VN-2026"
    config.write_text(config.read_text("utf-8") + "notifier:\n  legal: VN-2062\n", "utf-8")
    assert problem(config) == f"{config}:7: no legal profile `VN-2062` (there are: VN-2017, VN-2026)"


def test_a_wrong_profile_names_its_line(config: Path) -> None:
    """A value of the wrong kind, a missing rule, broken YAML: file, line, what."""
    (config.parent / "legal").mkdir()
    file = config.parent / "legal/VN-2026.yml"
    text = (SHIPPED / "VN-2026.yml").read_text("utf-8")
    file.write_text(text.replace("unknown_system_level: 3", "unknown_system_level: ba"), "utf-8")
    line = next(n for n, t in enumerate(text.splitlines(), 1) if t.startswith("unknown_system_level"))
    assert problem(config).startswith(f"{file}:{line}: Expected `int`")
    file.write_text(text.replace("{severity: M1, level: high,", "{severity: M9, level: high,"), "utf-8")
    line = next(n for n, t in enumerate(text.splitlines(), 1) if "{severity: M1, level: high," in t)
    assert problem(config).startswith(f"{file}:{line}: Invalid enum value")
    file.write_text("a: [\n", "utf-8")
    assert problem(config).startswith(f"{file}:2: is not YAML")
