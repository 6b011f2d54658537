"""`vonggac scan` on files of every kind."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from calling import Command, rule
from evtx_file import evtx

AUDIT = """\
type=SYSCALL msg=audit(1795248000.100:11): arch=c000003e syscall=59 success=yes ppid=1 pid=2 uid=33 comm="id" exe="/usr/bin/id"
type=SYSCALL msg=audit(1795248000.200:12): arch=c000003e syscall=59 success=yes ppid=1 pid=3 uid=33 comm="nc" exe="/usr/bin/nc"
type=EXECVE msg=audit(1795248000.200:12): argc=3 a0="nc" a1="-e" a2="/bin/sh"
type=EXECVE msg=audit(1795248000.100:11): argc=1 a0="id"
type=PROCTITLE msg=audit(1795248000.200:12): proctitle="nc"
type=CWD msg=audit(1795248000.100:11): cwd="/"
"""
W3C = """\
#Software: Microsoft Internet Information Services 10.0
#Fields: date time c-ip cs-method cs-uri-stem sc-status

2026-11-21 08:00:00 203.0.113.5 GET / 200
2026-11-21 08:00:01 203.0.113.5 GET /hau.aspx 200
"""
CHAIN = """\
title: Guess
id: 00000000-0000-4000-8000-000000000021
name: guess
logsource: {category: webserver}
detection: {s: {sc-status: 401}, condition: s}
level: low
---
title: Guessing
id: 00000000-0000-4000-8000-000000000022
level: high
correlation: {type: event_count, rules: [guess], group-by: [c-ip], timespan: 1m, condition: {gte: 3}}
"""
ACCESS = '{ip} - - [21/Nov/2026:08:{minute:02}:{second:02} +0700] "GET /login HTTP/1.1" {status} 12 "-" "curl/8"\n'


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Four rules: a JSON field, a web request, a process of the audit log, a Windows process."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yml").write_text(rule(1, "category: any", "CommandLine|contains: mimikatz"))
    (folder / "b.yml").write_text(rule(2, "category: webserver", "cs-uri-stem|endswith: hau.aspx"))
    (folder / "c.yml").write_text(rule(3, "{product: linux, category: process_creation}"[1:-1], "Image|endswith: /nc"))
    (folder / "d.yml").write_text(rule(4, "{product: windows, category: process_creation}"[1:-1], "CommandLine|contains: whoami"))
    (folder / "e.yml").write_text(rule(5, "product: linux", "message|contains: cửa hậu"))
    return folder


def found(rows: list[dict[str, object]]) -> list[tuple[object, int]]:
    """(record, rule number) of each row."""
    return [(r["event"], int(str(r["rule"])[-12:])) for r in rows]


def test_a_row_says_where_and_what(vonggac: Command, rules: Path, tmp_path: Path) -> None:
    """One JSON object a match with exactly event, file, rule, title and level."""
    file = tmp_path / "e.jsonl"
    file.write_text('{"CommandLine": "calc"}\n{"CommandLine": "mimikatz.exe"}\n')
    answer = vonggac("scan", "--rules", rules, "--json", file)
    assert answer.code == 0 and answer.err == ""
    wanted = {"event": 2, "file": str(file), "rule": "00000000-0000-4000-8000-000000000001", "title": "Rule 1", "level": "high"}
    assert answer.rows == [wanted]


@pytest.mark.parametrize(
    ("name", "content", "matches"),
    [
        ("lines.jsonl", b'{"CommandLine":"mimikatz"}\n\n{"CommandLine":"x"}\n{"CommandLine":"MIMIKATZ"}\n', [(1, 1), (4, 1)]),
        ("pretty.json", json.dumps({"CommandLine": "mimikatz"}, indent=2).encode(), [(1, 1)]),
        ("two.json", b'{\n"a":1\n}\n{\n"CommandLine":"mimikatz"\n}\n', [(2, 1)]),
        ("array.json", b'[{"a": 1},\n {"CommandLine": "mimikatz"}]', [(2, 1)]),
        ("auth.log", "x\n\n<13>1 2026-11-21T08:00:00Z h app - - - có cửa hậu\n".encode(), [(3, 5)]),
        ("iis.log", W3C.encode(), [(5, 2)]),
        (
            "access.log",
            b'1.2.3.4 - - [21/Nov/2026:08:00:00 +0700] "GET /a/hau.aspx?x=1 HTTP/1.1" 200 12 "-" "curl/8"\n',
            [(1, 2)],
        ),
        ("audit.log", AUDIT.encode(), [(2, 3)]),
        ("empty", b"", []),
        ("junk", bytes(range(256)) * 50, []),
        ("wide.log", b"x" * 3_000_000 + b'\n{"CommandLine":"mimikatz"}\n', [(2, 1)]),
    ],
)
def test_kinds_of_files(
    vonggac: Command, rules: Path, tmp_path: Path, name: str, content: bytes, matches: list[tuple[int, int]]
) -> None:
    """Every kind of file is read as what it is, plain and packed; the number is the record's, from 1, blank lines counted."""
    file = tmp_path / name
    for packed in (content, gzip.compress(content)):
        file.write_bytes(packed)
        answer = vonggac("scan", "--rules", rules, "--json", file)
        assert answer.code == 0, answer
        assert found(answer.rows) == matches


def test_evtx(vonggac: Command, rules: Path, tmp_path: Path) -> None:
    """A Windows event log as Windows writes it: Sigma rules of Windows processes fire with the right record number."""
    common = {"Provider": "Microsoft-Windows-Sysmon", "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational"}
    common |= {"Computer": "PC-01", "Image": "C:\\Windows\\System32\\cmd.exe"}
    lines = ("calc.exe", "cmd /c whoami /all", "notepad")
    events = [{**common, "TimeCreated": 1_795_248_000_000_000 + n, "CommandLine": line} for n, line in enumerate(lines)]
    file = tmp_path / "Sysmon.evtx"
    file.write_bytes(evtx(events, ["Image", "CommandLine"]))
    assert found(vonggac("scan", "--rules", rules, "--strict", "--json", file).rows) == [(2, 4)]


def test_audit_records_that_wait_for_others_come_out_at_the_end(vonggac: Command, rules: Path, tmp_path: Path) -> None:
    """An audit event whose last record is missing still counts, with the number of its first record."""
    file = tmp_path / "audit.log"
    file.write_text("".join(line + "\n" for line in AUDIT.splitlines() if "PROCTITLE" not in line))
    assert found(vonggac("scan", "--rules", rules, "--json", file).rows) == [(2, 3)]


def test_standard_input(vonggac: Command, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is standard input, and its rows name it so."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"CommandLine":"mimikatz"}\n')))
    (row,) = vonggac("scan", "--rules", rules, "--json", "-").rows
    assert (row["event"], row["file"]) == (1, "-")


def test_one_bad_file_does_not_stop_the_others(vonggac: Command, rules: Path, tmp_path: Path) -> None:
    """A file that cannot be read is said in a sentence, the others are scanned, and the exit code is 1."""
    good = tmp_path / "good.jsonl"
    good.write_text('{"CommandLine":"mimikatz"}\n')
    bad = tmp_path / "bad.json"
    bad.write_text('[{"CommandLine":"mimikatz"},\n{"a" 1}]')
    answer = vonggac("scan", "--rules", rules, "--json", tmp_path / "none", bad, good)
    assert answer.code == 1
    assert [Path(str(r["file"])).name for r in answer.rows] == ["bad.json", "good.jsonl"]
    said = answer.err.splitlines()
    assert said[0].endswith("none: cannot be read: No such file or directory") and "bad.json:2: not JSON" in said[1]


def test_a_correlation_is_a_row_of_the_record_that_completed_it(vonggac: Command, tmp_path: Path) -> None:
    """Three failures of one address within a minute are one row, whatever follows; a slow address or another file are none."""
    (tmp_path / "chain.yml").write_text(CHAIN)
    lines = [ACCESS.format(ip=ip, minute=n // 60, second=n % 60, status=status) for n, ip, status in (
        (0, "192.0.2.1", 401), (1, "192.0.2.2", 401), (2, "192.0.2.1", 200), (3, "192.0.2.1", 401), (9, "192.0.2.1", 401),
        (12, "192.0.2.1", 401), (65, "192.0.2.2", 401), (130, "192.0.2.2", 401),
    )]  # fmt: skip
    (tmp_path / "a.log").write_text("".join(lines))
    (tmp_path / "b.log").write_text("".join(reversed(lines)))
    (tmp_path / "c.log").write_text("".join(lines[:4]))
    files = [tmp_path / name for name in ("a.log", "b.log", "c.log")]
    rows = vonggac("scan", "--rules", tmp_path / "chain.yml", "--json", *files).rows
    assert [(Path(str(r["file"])).name, r["event"], r["title"], r["level"]) for r in rows] == [
        ("a.log", 5, "Guessing", "high"),
        ("b.log", 5, "Guessing", "high"),
    ]


def test_records_without_a_time_are_in_no_window(vonggac: Command, tmp_path: Path) -> None:
    """When something happened is not made up: without a time nothing is said to have happened within a minute."""
    (tmp_path / "chain.yml").write_text(CHAIN.replace("category: webserver", "category: any"))
    (tmp_path / "a.jsonl").write_text('{"sc-status": 401, "c-ip": "192.0.2.1"}\n' * 5)
    assert vonggac("scan", "--rules", tmp_path / "chain.yml", "--json", tmp_path / "a.jsonl").rows == []


def test_broken_rules_are_told_and_the_rest_works(vonggac: Command, rules: Path, tmp_path: Path) -> None:
    """A rule with an error is a line on standard error with file and line; the others match; standard output stays JSON."""
    (rules / "z.yml").write_text("title: x\nlogsource: {product: a}\ndetection: {s: {a: 1}, condition: t}\n")
    (tmp_path / "e.jsonl").write_text('{"CommandLine":"mimikatz"}\n')
    answer = vonggac("scan", "--rules", rules, "--json", tmp_path / "e.jsonl")
    assert answer.code == 0 and len(answer.rows) == 1
    assert answer.err.startswith(f"vonggac: refused: {rules / 'z.yml'}:") and len(answer.err.splitlines()) == 1


def test_a_table_counts_by_rule(vonggac: Command, rules: Path, tmp_path: Path) -> None:
    """Without --json a person sees levels, counts and titles; when nothing matches, a sentence."""
    (tmp_path / "e.jsonl").write_text('{"CommandLine":"mimikatz"}\n' * 1200)
    shown = vonggac("scan", "--rules", rules, tmp_path / "e.jsonl").out
    assert "1,200" in shown and "Rule 1" in shown and "high" in shown
    (tmp_path / "e.jsonl").write_text('{"CommandLine":"x"}\n')
    assert "No rule matches any of 1 records" in vonggac("scan", "--rules", rules, tmp_path / "e.jsonl").out


@pytest.mark.parametrize(("option", "value"), [("--format", "ngnix"), ("--zone", "Asia/Saigonn")])
def test_options_are_checked(vonggac: Command, rules: Path, option: str, value: str) -> None:
    """A format or zone there is none of is wrong usage."""
    answer = vonggac("scan", "--rules", rules, option, value, "x")
    assert answer.code == 2 and option in answer.err and answer.out == ""


def test_a_home_that_cannot_be_written(vonggac: Command, rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be kept for the next time, rules are compiled for this time."""
    (tmp_path / "full").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "full"))
    file = tmp_path / "x.jsonl"
    file.write_text('{"CommandLine": "mimikatz"}')
    answer = vonggac("scan", "--rules", rules, "--json", file)
    assert (answer.code, len(answer.rows)) == (0, 1)
