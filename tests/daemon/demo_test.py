"""The demo: where a replay goes on, and on which settings. The whole day is in tests/house."""

import stat
from pathlib import Path

import msgspec
import pytest
import yaml

from daemon import demo
from daemon.demo import Progressed
from daemon.load import load
from model import ConfigError
from province.places import FILES

DATE = 1_795_194_000_000_000


def test_a_replay_goes_on_where_it_was(tmp_path: Path) -> None:
    """The kept position, its date included, wins over today's; a first replay starts at the beginning."""
    position = tmp_path / "position.json"
    wanted = Progressed(1, DATE, 1.0, 0)
    assert demo._resume(position, wanted) == wanted
    kept = msgspec.structs.replace(wanted, date=DATE - 86_400_000_000, sent=4_000)
    demo._write(position, kept)
    assert demo._resume(position, wanted) == kept
    assert [f.name for f in tmp_path.iterdir()] == ["position.json"]


def test_another_day_is_refused_while_one_is_unfinished(tmp_path: Path) -> None:
    """Another seed or scale would mix two days: said, with how to go on. A finished day is only told to be there."""
    position = tmp_path / "position.json"
    demo._write(position, Progressed(1, DATE, 1.0, 4_000))
    for other in (Progressed(2, DATE, 1.0, 0), Progressed(1, DATE, 0.5, 0)):
        with pytest.raises(
            ConfigError, match=r"--seed 1 --scale 1.0 is not finished here; go on with these, or set VONGGAC_HOME"
        ):
            demo._resume(position, other)
    demo._write(position, Progressed(1, DATE, 1.0, 9_000, done=True))
    assert demo._resume(position, Progressed(2, DATE, 1.0, 0)).done


def test_a_damaged_position_is_a_sentence(tmp_path: Path) -> None:
    """A position file that is none says which file to remove."""
    (tmp_path / "position.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"position.json: not a replay's position .*remove the file"):
        demo._resume(tmp_path / "position.json", Progressed(1, DATE, 1.0, 0))


def test_the_day_has_files_of_its_own(config: Path) -> None:
    """The settings made are the given ones with paths made absolute and a source for each file of the day; they load."""
    (config.parent / "own.key").write_text("k" * 20)
    (config.parent / "legal").mkdir()
    text = config.read_text("utf-8") + "notifier: {national: {key_file: own.key}, window: 2h}\n"
    config.write_text(text, "utf-8")
    for _ in range(2):
        made = demo._with_files(load(config))
    loaded = load(made)
    assert loaded.home == config.parent / "var" and made == loaded.home / "demo/demo.yml"
    assert [s.name for s in loaded.settings.collector.sources] == ["tcp", *(f"demo-{name}" for name in FILES)]
    assert loaded.rule_paths == (config.parent / "rules",)
    assert loaded.path(loaded.settings.notifier.national.key_file) == config.parent / "own.key"
    assert loaded.settings.notifier.window == load(config).settings.notifier.window
    assert not loaded.settings.correlator.silence_by_wall_clock
    assert (loaded.folder / "legal").resolve() == config.parent / "legal"
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    paths = [p for s in yaml.safe_load(made.read_text("utf-8"))["collector"]["sources"] for p in s.get("paths", [])]
    assert len(paths) == len(FILES) and all(Path(p).is_file() for p in paths)
