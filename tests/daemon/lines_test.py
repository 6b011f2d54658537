"""YAML with places."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from daemon import lines
from daemon.lines import read
from model import ProblemsError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=("C",)), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdé", min_size=1, max_size=4), inner, max_size=4),
    max_leaves=20,
)


def written(folder: Path, text: str) -> Path:
    file = folder / "x.yml"
    file.write_text(text, "utf-8")
    return file


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [p for name, inner in value.items() for p in paths(inner, (*path, name))]
    if isinstance(value, list):
        found += [p for index, inner in enumerate(value) for p in paths(inner, (*path, index))]
    return found


def test_lines_of_keys_and_values(tmp_path: Path) -> None:
    """The line of a value, of its key, and of the nearest place above what is not there."""
    document, places = read(written(tmp_path, "a: 1\nb:\n  - x\n  - c:\n      5\n"))
    assert document == {"a": 1, "b": ["x", {"c": 5}]}
    assert [places.of(p) for p in (("a",), ("b", 0), ("b", 1, "c"), ("b", 1, "none", "deeper"), ())] == [1, 3, 5, 4, 1]
    assert places.of(("b", 1, "c"), key=True) == 4
    assert places.has(("b", 1), 1) and not places.has(("b", 2), 2)


@given(st.dictionaries(st.text("abcdé", min_size=1, max_size=4), VALUES, min_size=1, max_size=5))
def test_every_value_has_its_line(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> None:
    """Any document comes back as it was written, and the line of each scalar shows that scalar's key or item."""
    text = yaml.safe_dump(document, allow_unicode=True, width=10_000)
    found, places = read(written(tmp_path_factory.mktemp("y"), text))
    assert found == document
    shown = text.splitlines()
    for path in paths(document):
        line = places.of(path, key=True)
        assert 1 <= line <= len(shown)
        if path and isinstance(path[-1], str):
            assert path[-1] in shown[line - 1]


@given(st.binary(max_size=300))
def test_no_bytes_break_it(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Any file is a document or problems that name it."""
    file = tmp_path_factory.mktemp("y") / "x.yml"
    file.write_bytes(content)
    try:
        read(file)
    except ProblemsError as error:
        assert all(p.file == str(file) and "\n" not in p.message for p in error.problems)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [1\nb: 2", ":2: is not YAML"),
        ("a: \tb\n c: d", ":2: is not YAML"),
        ("a: !!python/object/apply:os.system [id]", "is not YAML"),
        ("a: 1\n---\nb: 2", "is not YAML"),
        ("&a [*a]", "expands to too many"),
        ("[" * 5000, "is not YAML"),
        ("x" * (lines.MAX_BYTES + 1), "is larger than 4 MiB"),
    ],
    ids=["open", "tab", "tag", "two", "itself", "deep", "large"],
)
def test_what_is_refused(tmp_path: Path, content: str, said: str) -> None:
    """Broken, hostile and oversized files are one sentence; nothing is executed, nothing recurses without end."""
    with pytest.raises(ProblemsError) as caught:
        read(written(tmp_path, content))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_or_nothing(tmp_path: Path) -> None:
    """What is no file says so, and how to name another one."""
    with pytest.raises(ProblemsError, match=r"there is no such file \(name another one with --config\)"):
        read(tmp_path / "none.yml")
    with pytest.raises(ProblemsError, match="cannot be read: Is a directory"):
        read(tmp_path)
