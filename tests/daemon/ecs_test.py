"""ECS tables of a configuration."""

from pathlib import Path

import pytest
from calling import Command

from daemon.ecs import load_tables, read_tables
from daemon.load import load
from model import ProblemsError

TABLES = {
    "a.yml": "when: {products: [nginx]}\nfields:\n  c-ip: source.ip\nset: {event.kind: event}\n",
    "b.yml": "fields: {u: user.name}\n",
}


def problems(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text, "utf-8")
    with pytest.raises(ProblemsError) as caught:
        read_tables(folder)
    return [str(p).replace(f"{folder}/", "") for p in caught.value.problems]


def test_the_shipped_tables_are_found_and_right(config: Path) -> None:
    """Without tables beside the settings those of the distribution are used; all of them read."""
    names = {Path(t.name).stem for t in load_tables(load(config))}
    assert {"common", "webserver", "windows_process"} <= names


def test_own_tables_beside_the_settings_come_first(config: Path) -> None:
    """A folder ``ecs`` beside the settings replaces the shipped one."""
    (config.parent / "ecs").mkdir()
    for name, text in TABLES.items():
        (config.parent / "ecs" / name).write_text(text)
    assert [Path(t.name).name for t in load_tables(load(config))] == ["a.yml", "b.yml"]


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    """Mistakes of all tables are told at once, each with file and line."""
    said = problems(
        tmp_path,
        a="when:\n  products: nginx\nfields:\n  c-ip: source ip\n  u: []\nsett: {}\n",
        b="fields: [a]\n",
        c="- a\n",
        d="fields: {a: [\n",
        e="set:\n  event kind: x\n",
    )
    assert said == [
        "a.yml:6: unknown key 'sett' (use when, fields or set)",
        "a.yml:2: when.products is not understood (use lists of products, categories, services)",
        "a.yml:4: fields.c-ip: 'source ip' is no ECS field (write it like source.ip)",
        "a.yml:5: fields.u: [] is no ECS field (write it like source.ip)",
        "b.yml:1: fields must be a mapping",
        "c.yml:1: an ECS table is a mapping (keys: when, fields, set)",
        next(s for s in said if s.startswith("d.yml:2: is not YAML")),
        "e.yml:2: set.event kind is no ECS field",
    ]


def test_tables_that_contradict_each_other(tmp_path: Path) -> None:
    """A field that is an object in one table and a value in another is found, with the line and the other file."""
    said = problems(tmp_path, a="fields: {u: user}\n", b="fields:\n  x: host.name\n  v: user.name\n")
    assert said == ["b.yml:3: user.name and user cannot both be fields (user is in a.yml)"]


def test_no_table(tmp_path: Path) -> None:
    """An empty folder is said to be one."""
    assert "there is no ECS table here" in problems(tmp_path)[0]


def test_check_looks_at_the_tables(vonggac: Command, config: Path) -> None:
    """`vonggac check` finds a wrong table; exit code 2."""
    (config.parent / "ecs").mkdir()
    (config.parent / "ecs/a.yml").write_text("fields:\n  c-ip: 5\n")
    answer = vonggac("check", "--config", config)
    assert answer.code == 2
    assert f"{config.parent}/ecs/a.yml:2: fields.c-ip: 5 is no ECS field" in answer.err
