"""Truths about ECS documents, with the tables we ship."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from collector.ecs import Table, Tables, read_table, to_document
from collector.normalize import Normalizer
from model import Event, LogSource, ProblemsError, RawRecord
from model.moment import from_rfc3339

FOLDER = Path(__file__).parents[2] / "config/ecs"
AT = from_rfc3339("2026-11-21T16:30:00+07:00")


def shipped() -> Tables:
    return Tables(read_table(path.name, yaml.safe_load(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.yml")))


TABLES = shipped()


def document(text: str) -> dict[str, Any]:
    event = Normalizer({}, []).understand(RawRecord("s", "1", text.encode(), AT, "10.1.2.3"))[0]
    return to_document(event, TABLES, AT + 5_000_000)


def test_a_web_request() -> None:
    """An access line has url, http, source, user agent and the frame every document has."""
    line = '203.0.113.7 - lan [21/Nov/2026:16:30:00 +0700] "GET /dvc?id=1 HTTP/1.1" 200 51 "-" "curl/8"'
    found = document(f"<190>Nov 21 16:30:00 dvc-01 nginx: {line}")
    assert found["@timestamp"] == found["event"]["created"] == "2026-11-21T09:30:00.000Z"
    assert found["event"]["ingested"] == "2026-11-21T09:30:05.000Z"
    assert found["event"]["original"].endswith(line) and len(found["event"]["id"]) == 32
    assert (found["event"]["dataset"], found["event"]["category"]) == ("nginx.access", ["web"])
    assert found["host"] == {"name": "dvc-01"} and found["source"] == {"ip": "203.0.113.7"}
    assert found["url"] == {"original": "/dvc?id=1", "path": "/dvc", "query": "id=1"}
    assert found["http"]["version"] == "1.1" and found["http"]["response"] == {"status_code": 200, "bytes": 51}
    assert found["user"] == {"name": "lan"} and found["related"]["user"] == ["lan"]
    assert found["vonggac"]["format"] == "nginx_access" and "fields" not in found["vonggac"]


def test_a_windows_process() -> None:
    """Sysmon's names find their ECS places, hashes are taken apart, what has no place is kept."""
    found = document(
        '{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Provider_Name":"Microsoft-Windows-Sysmon","Computer":"pc1",'
        '"Image":"C:\\\\x.exe","CommandLine":"x","ProcessId":7,"Hashes":"MD5=AA,SHA256=BB","ParentImage":"C:\\\\p.exe","IntegrityLevel":"High"}'
    )
    assert found["event"]["code"] == "1" and found["event"]["type"] == ["start"]
    assert found["process"]["executable"] == "C:\\x.exe" and found["process"]["pid"] == 7
    assert found["process"]["hash"] == {"md5": "aa", "sha256": "bb"} and found["process"]["parent"] == {"executable": "C:\\p.exe"}
    assert found["vonggac"]["fields"]["IntegrityLevel"] == "High"


def test_values_an_ecs_type_cannot_hold_are_kept_aside() -> None:
    """A host name in an address field, words in a number: never an index error, never lost."""
    event = Event(
        "i",
        "s",
        AT,
        AT,
        "o",
        "x",
        LogSource("x"),
        fields={"src_ip": "may-chu", "src_port": "http", "user": "lan", "username": "an"},
    )
    found = to_document(event, TABLES)
    assert "source" not in found and found["user"] == {"name": "lan"}
    assert found["vonggac"]["fields"] == {"src_ip": "may-chu", "src_port": "http", "username": "an"}


def _at(found: Any, path: tuple[str, ...]) -> Any:
    for word in path:
        found = found[word]
    return found


@given(
    st.dictionaries(
        st.sampled_from(sorted({n for t in TABLES._tables for n in t.fields})),
        st.none() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_no_field_is_lost(fields: dict[str, Any]) -> None:
    """Every value is in the document, under ECS or under vonggac.fields, whatever its type and log source."""
    for logsource in (
        LogSource(),
        LogSource("windows", ("process_creation",), "sysmon"),
        LogSource("nginx", ("webserver",), "access"),
    ):
        found = to_document(Event("i", "s", AT, AT, "o", "x", logsource, fields=fields), TABLES)
        rest = found["vonggac"].get("fields", {})
        mapped = TABLES.plan(logsource).fields
        assert all(name in rest for name, value in fields.items() if name not in mapped)
        assert all(value is fields[name] for name, value in rest.items())
        gone = {name for name in fields if name not in rest}
        assert all(any(_at(found, target.path) is not None for target in mapped[name]) for name in gone)


def test_narrower_tables_win() -> None:
    """A table with more conditions overrides one with fewer, whatever their names."""
    tables = Tables(
        [
            Table("z", fields={"a": ("url.path",)}),
            Table("b", products=frozenset(("p",)), services=frozenset(("s",)), fields={"a": ("file.path",)}),
            Table("c", products=frozenset(("p",)), fields={"a": ("dll.path",)}, constants={"event.category": ["x"]}),
        ]
    )
    found = to_document(Event("i", "s", AT, AT, "o", "x", LogSource("p", (), "s"), fields={"a": "/x"}), tables)
    assert found["file"] == {"path": "/x"} and found["event"]["category"] == ["x"]
    assert to_document(Event("i", "s", AT, AT, "o", "x", fields={"a": "/x"}), tables)["url"] == {"path": "/x"}


def test_every_mistake_of_a_table_is_told() -> None:
    """All problems at once, each naming the file and the key."""
    with pytest.raises(ProblemsError) as caught:
        read_table("web.yml", {"wenn": {}, "when": {"product": ["x"]}, "fields": {"a": "b c", "d": []}, "set": {"vonggac.x": 1}})
    assert len(caught.value.problems) == 5 and all(problem.file == "web.yml" for problem in caught.value.problems)
    with pytest.raises(ProblemsError, match="mapping"):
        read_table("web.yml", ["x"])


def test_contradicting_fields_are_refused() -> None:
    """A field cannot be both a value and an object."""
    with pytest.raises(ProblemsError, match=r"user\.name and user cannot both"):
        Tables([Table("a", fields={"x": ("user",)}), Table("b", fields={"y": ("user.name",)})])
