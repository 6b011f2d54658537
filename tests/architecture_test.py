"""The law of imports (ARCHITECTURE.md), read from the source with ast."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("model", "backbone", "collector", "correlator", "notifier", "national", "console", "province", "daemon")
SHARED = {"backbone.ports", "backbone.codec", "backbone.query", "backbone.signals"}
IO = {"asyncio", "socket", "ssl", "sqlite3", "aiohttp", "logging", "structlog", "threading", "subprocess", "duckdb", "time"}
PURE = {
    "collector": {"framing", "normalize", "encoding", "sniff", "register", "assembly", "recipe", "ecs", "cleaning"},
    "correlator": {
        *("compile", "condition", "keywords", "logsource", "match", "oracle", "predicates", "regex", "rule", "text", "tree"),
        *("alerts", "detection", "entities", "silence", "snapshot", "stream", "suppression", "windows", "witness"),
        *("windows_group", "windows_route", "windows_shape"),
    },
    "notifier": {"grouping", "severity", "schedule", "report", "legal", "linking", "trace", "wording", "outbox", "receipts"},
    "national": {"faults", "limits", "markup"},
}
PURE_FOLDERS = ("model", "collector/parsers", "province")


def modules() -> list[tuple[str, Path]]:
    found = [(str(p.relative_to(ROOT).with_suffix("")).replace("/", "."), p) for r in ROOMS for p in (ROOT / r).rglob("*.py")]
    assert found, "no source found: the test would prove nothing"
    return sorted(found)


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names |= {f"{module}.{a.name}" if (ROOT / module.replace(".", "/")).is_dir() else module for a in node.names}
    return names


def is_pure(name: str) -> bool:
    folder, _, leaf = name.rpartition(".")
    return leaf in PURE.get(folder, set()) or name.replace(".", "/").startswith(PURE_FOLDERS)


@pytest.mark.parametrize(("name", "path"), modules(), ids=[n for n, _ in modules()])
def test_law_of_imports(name: str, path: Path) -> None:
    """No module imports what its room may not."""
    room = name.split(".")[0]
    used = imports(path)
    for other in sorted(used):
        head = other.split(".")[0]
        if head in ROOMS and head != room and room != "daemon" and head != "model":
            shared = any(other == s or other.startswith(s + ".") for s in SHARED)
            assert room != "model" and shared, f"{name} imports {other}: rooms meet only in model and the ports"
        if room == "daemon" and not name.startswith("daemon.wiring") and head == "backbone":
            leaf = other.split(".")[1] if "." in other else ""
            adapter = leaf.startswith(("memory_", "sqlite_", "parquet_", "kafka_", "elastic_"))
            assert not adapter, f"{name} imports {other}: only daemon/wiring names adapters"
        if is_pure(name):
            assert head not in IO, f"{name} is pure and imports {other}"
        leaf = name.rsplit(".", 1)[-1]
        if head == "aiokafka":
            assert leaf.startswith("kafka_"), f"{name} imports aiokafka"
        if head == "elasticsearch":
            assert leaf.startswith("elastic_"), f"{name} imports elasticsearch"
        if head == "sigma":
            assert name in {"correlator.load", "correlator.compile"}, f"{name} imports pySigma"


def test_tests_mirror_the_tree() -> None:
    """Every test file stands where the module it tests stands, or in a folder of whole-house tests."""
    whole = {"house", "contract", "faults", "senders", "servers", "rules"}
    for path in sorted((ROOT / "tests").rglob("*_test.py")):
        inside = path.relative_to(ROOT / "tests")
        if inside.parts[0] in whole or len(inside.parts) == 1:
            continue
        source = ROOT / str(inside).replace("_test.py", ".py")
        folder = ROOT / str(inside).replace("_test.py", "")
        assert source.exists() or folder.is_dir(), f"{path}: no {source.relative_to(ROOT)}"
