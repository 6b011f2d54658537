"""Rule files of every kind are read, and a broken one is refused with its place without stopping the others."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.compile import compile_rules
from correlator.load import files, load

GOOD = """title: {title}
id: 00000000-0000-4000-8000-00000000000{n}
status: test
level: high
logsource:
    product: linux
detection:
    selection:
        a: x
    condition: selection
"""


def good(n: int) -> bytes:
    return GOOD.format(title=f"good {n}", n=n).encode()


def test_folders_files_and_zips(tmp_path: Path) -> None:
    """Rules come from folders, single files and release zips; tests beside rules, hidden and foreign files are left out."""
    (tmp_path / "rules/linux").mkdir(parents=True)
    (tmp_path / "rules/.git").mkdir()
    (tmp_path / "rules/linux/a.yml").write_bytes(good(1))
    (tmp_path / "rules/linux/a.test.yaml").write_text("match: []")
    (tmp_path / "rules/.git/b.yml").write_bytes(good(2))
    (tmp_path / "rules/info.yml").write_text("description: no rule\nregression_tests_info: []\n")
    (tmp_path / "rules/notes.txt").write_text("x")
    (tmp_path / "one.yaml").write_bytes(good(3))
    with zipfile.ZipFile(tmp_path / "release.zip", "w") as archive:
        archive.writestr("sigma/rules/c.yml", good(4))
        archive.writestr("sigma/rules/c.test.yml", "match: []")
        archive.writestr("sigma/README.md", "x")
    compiled = compile_rules(load(files([tmp_path / "rules", tmp_path / "one.yaml", tmp_path / "release.zip"])))
    assert [rule.title for rule in compiled.rules] == ["good 1", "good 3", "good 4"]
    assert compiled.rules[2].file == f"{tmp_path}/release.zip/sigma/rules/c.yml"
    assert not compiled.refused


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    """A wrong path is a problem with a name, not an empty list."""
    (problem,) = load(files([tmp_path / "nowhere"])).refused
    assert "nowhere" in str(problem)


def test_several_documents_know_their_lines() -> None:
    """Each document of a file is a rule of its own, at its own line."""
    loaded = load([("many.yml", good(1) + b"---\n" + good(2) + b"---\ntitle: broken\n" + b"---\n" + good(3))])
    assert [document.line for _, document, _ in loaded.rules] == [1, 12, 25]
    assert [(problem.file, problem.line) for problem in loaded.refused] == [("many.yml", 23)]


BROKEN = [
    ("not UTF-8", b"title: x\nauthor: \xff\xfe\n", 2, "UTF-8"),
    ("bad indentation", b"title: x\n  level: [\n", 0, "YAML"),
    ("key twice", b"title: x\nlevel: low\nlevel: high\n", 3, "twice"),
    ("alias bomb", b"title: &a [x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n", 2, "aliases"),
    ("deep nesting", b"title: " + b"[" * 5000 + b"]" * 5000, 1, "deeper"),
    ("python object", b"title: !!python/object/apply:os.system ['true']\n", 1, "constructor"),
    ("no log source", good(1).replace(b"logsource:\n    product: linux\n", b""), 1, "log source"),
    ("empty log source", good(1).replace(b"product: linux", b"definition: x"), 5, "empty"),
    ("no detection", good(1).split(b"detection")[0], 1, "detection"),
    ("detection is a list", good(1).split(b"detection")[0] + b"detection: [x]\n", 7, ""),
    ("unknown modifier", good(1).replace(b"a: x", b"a|what: x"), 9, "what"),
    ("mapping as a value", good(1).replace(b"a: x", b"a: {b: c}"), 9, ""),
    ("log source is text", good(1).replace(b"logsource:\n    product: linux\n", b"logsource: linux\n"), 5, "log"),
    ("unknown action", b"action: leap\n" + good(1), 1, "leap"),
]


@pytest.mark.parametrize(("what", "content", "line", "word"), BROKEN, ids=[case[0] for case in BROKEN])
def test_broken_file(what: str, content: bytes, line: int, word: str) -> None:
    """The broken file is named with its line and reason; the next one loads."""
    compiled = compile_rules(load([("broken.yml", content), ("good.yml", good(9))]))
    assert [rule.title for rule in compiled.rules] == ["good 9"]
    (problem,) = compiled.refused
    assert problem.file == "broken.yml"
    assert problem.line == line or (line == 0 and problem.line > 0)
    assert word.lower() in problem.message.lower()


def test_large_file(tmp_path: Path) -> None:
    """A file beyond 1 MiB is refused without being read, also inside a zip."""
    (tmp_path / "big.yml").write_bytes(b"# " + b"x" * (1 << 20))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.yml", b"\0" * (5 << 20))
    loaded = load(files([tmp_path / "big.yml", tmp_path / "bomb.zip"]))
    assert len(loaded.refused) == 2 and not loaded.rules
    (tmp_path / "bad.zip").write_bytes(b"PK no zip")
    assert "zip" in load(files([tmp_path / "bad.zip"])).refused[0].message


def test_wrong_metadata_is_a_warning() -> None:
    """A bad date or an unknown level does not switch a detection off."""
    text = good(1).replace(b"level: high", b"level: enormous\ndate: someday")
    compiled = compile_rules(load([("r.yml", text)]))
    assert compiled.rules[0].level == "medium"
    assert not compiled.refused
    assert {problem.line for problem in compiled.warnings} == {4, 5}


def test_rule_without_id() -> None:
    """A rule without an id gets one that is the same at every start."""
    text = good(1).replace(b"id: 00000000-0000-4000-8000-000000000001\n", b"")
    first, second = (compile_rules(load([("r.yml", text)])).rules[0].id for _ in range(2))
    assert first == second and len(first) == 36


def test_global_action() -> None:
    """The old ``action: global`` still gives its parts to the documents after it."""
    shared = b"action: global\ntitle: both\nlogsource: {product: linux}\n"
    one = b"id: 00000000-0000-4000-8000-000000000001\ndetection:\n  s: {a: x}\n  condition: s\n"
    two = one.replace(b"1\n", b"2\n")
    compiled = compile_rules(load([("g.yml", shared + b"---\n" + one + b"---\n" + two)]))
    assert [rule.title for rule in compiled.rules] == ["both", "both"]


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="abc:-[]{}&*!|>'\"\n #?,%@", max_size=120).map(str.encode)))
def test_any_bytes_are_a_refusal_at_worst(content: bytes) -> None:
    """Whatever stands in a file, nothing is raised."""
    for text in (content, good(1).replace(b"a: x", b"a: " + content), good(1) + content):
        compile_rules(load([("junk.yml", text)]))
