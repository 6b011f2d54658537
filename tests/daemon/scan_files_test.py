"""Records of files of every kind."""

import gzip
import io
import json
import os
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest
from evtx_file import evtx
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import scan_files
from daemon.scan_files import MAX_LINE, UnreadableError, records

PROCESS = {
    "Provider": "Microsoft-Windows-Sysmon",
    "EventID": 1,
    "TimeCreated": 1_795_248_000_000_000,
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "Computer": "PC-01",
    "CommandLine": "whoami /all",
}


def read(folder: Path, content: bytes) -> list[bytes]:
    file = folder / "f"
    file.write_bytes(content)
    return list(records(str(file)))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", []),
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\r\n\r\nb", [b"a", b"", b"b"]),
        (b'\n\n{"a":1}\n\n{"a":2}', [b"", b"", b'{"a":1}', b"", b'{"a":2}']),
        (b'\xef\xbb\xbf{"a":1}\n', [b'{"a":1}']),
        (b'{"a":1}\nbroken {\n{"a":2}\n', [b'{"a":1}', b"broken {", b'{"a":2}']),
        (b'{"a": nope}\n{"a":2}\n', [b'{"a": nope}', b'{"a":2}']),
        (b'{"a": "cut off\n{"a":2}\n', [b'{"a": "cut off', b'{"a":2}']),
        (b'{"a": "\xff\xfe"}\n', [b'{"a": "\xff\xfe"}']),
        (b"[Sun Nov 22] x\n[12345.6] y", [b"[Sun Nov 22] x", b"[12345.6] y"]),
        (b"\x00\x01\x02\xff\xfe\n\x1f", [b"\x00\x01\x02\xff\xfe", b"\x1f"]),
    ],
    ids=[
        "empty",
        "lines",
        "crlf",
        "jsonl-blank",
        "bom",
        "jsonl-broken-later",
        "broken-first",
        "cut-first",
        "not-utf8",
        "brackets",
        "junk",
    ],
)
def test_lines(tmp_path: Path, content: bytes, found: list[bytes]) -> None:
    """One record a line, blank ones empty, so that the number of a record is the number of its line."""
    assert read(tmp_path, content) == found
    assert read(tmp_path, gzip.compress(content)) == found or not content


@pytest.mark.parametrize(
    "content",
    [
        '[{"a": 1}, {"b": "hậu"}]',
        '[\n  {"a": 1},\n  {"b": "hậu"}\n]\n',
        '{\n  "a": 1\n}\n{\n  "b": "hậu"\n}\n',
        '{\n  "a": 1\n},\n{\n  "b": "hậu"\n}',
        '\ufeff[\r\n{"a": 1},{"b": "hậu"}]',
        '[{"a": 1}]\n[{"b": "hậu"}]',
    ],
    ids=["array", "pretty-array", "pretty-documents", "with-commas", "bom", "two-arrays"],
)
def test_json_documents(tmp_path: Path, content: str) -> None:
    """Documents over many lines and arrays give one record a document."""
    expected = [{"a": 1}, {"b": "hậu"}]
    assert [json.loads(r) for r in read(tmp_path, content.encode())] == expected
    assert [json.loads(r) for r in read(tmp_path, gzip.compress(content.encode()))] == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16(tmp_path: Path, encoding: str) -> None:
    """What PowerShell wrote in UTF-16 is read like anything else: lines, JSON lines, documents, packed or not."""
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    for text, wanted in (
        ("đăng\r\n\r\nnhập\U0001f600", ["đăng", "", "nhập\U0001f600"]),
        ('{"a": "hậu"}\r\n{"a": 2}\r\n', ['{"a": "hậu"}', '{"a": 2}']),
        ('[\r\n{"a": "hậu"},\r\n{"a": 2}]', ['{"a": "hậu"}', '{"a": 2}']),
        ("x" * 200_000 + "\n", ["x" * 200_000]),
    ):
        content = mark + text.encode(encoding)
        assert read(tmp_path, content) == read(tmp_path, gzip.compress(content)) == [w.encode() for w in wanted]
    assert read(tmp_path, b"\xff\xfea\0\n\0b") == [b"a", "\ufffd".encode()]


@settings(max_examples=50)
@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=5), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5), min_size=1
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([None, 1, 4]),
    st.booleans(),
)
def test_any_json_comes_back(
    tmp_path_factory: pytest.TempPathFactory, documents: list[dict[str, object]], indent: int | None, array: bool
) -> None:
    """Whatever the documents and their layout, each is one record with the same content."""
    text = json.dumps(documents, indent=indent) if array else "\n".join(json.dumps(d, indent=indent) for d in documents)
    found = read(tmp_path_factory.mktemp("j"), text.encode())
    assert [json.loads(r) for r in found] == documents


@given(st.binary(max_size=300))
def test_no_bytes_break_it(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Any content is records or one sentence that names the file."""
    folder = tmp_path_factory.mktemp("b")
    for data in (content, b"\x1f\x8b" + content, b"ElfFile\0" + content, b"[" + content, b"{\n" + content):
        try:
            read(folder, data)
        except UnreadableError as error:
            assert str(error).startswith(str(folder / "f"))


def test_a_long_line_is_cut_and_the_next_is_whole(tmp_path: Path) -> None:
    """A line of 100 MB costs no more memory than a few of the longest lines kept."""
    file = tmp_path / "long"
    with file.open("wb") as stream:
        for _ in range(100):
            stream.write(b"x" * 10**6)
        stream.write(b"\nnext\n")
    tracemalloc.start()
    found = [len(r) for r in records(str(file))]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [MAX_LINE, 4]
    assert peak < 8 * MAX_LINE


def test_an_array_of_any_length_is_read_piece_by_piece(tmp_path: Path) -> None:
    """A JSON array on one line of many megabytes needs the memory of its documents, not of the file."""
    file = tmp_path / "array.json"
    row = json.dumps({"CommandLine": "x" * 1000})
    with file.open("w") as stream:
        stream.write("[" + ",".join([row] * 30_000) + "]")
    tracemalloc.start()
    count = sum(1 for _ in records(str(file)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 30_000
    assert peak < 12 * 2**20


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[\n{"a": 1},\n{"a" 2}]', "f:3: not JSON"),
        (b'[{"a": 1},\n', "f:2: the array does not end"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{\n"a": ' + b"1" * 5000 + b"}", "too many digits"),
        (gzip.compress(b"a\n" * 10_000)[:-20], "cannot be read"),
        (b"\x1f\x8bjunk", "cannot be read"),
        (b"ElfFile\0junk", "not a readable EVTX"),
    ],
    ids=["comma", "cut", "deep", "digits", "gzip-cut", "gzip-junk", "evtx-junk"],
)
def test_what_is_not_what_it_says(tmp_path: Path, content: bytes, said: str) -> None:
    """A damaged file is a sentence with its name, and the line where there is one."""
    with pytest.raises(UnreadableError, match=said):
        read(tmp_path, content)


def test_missing_and_folder(tmp_path: Path) -> None:
    """What is not there or no file is said so."""
    with pytest.raises(UnreadableError, match="No such file"):
        list(records(str(tmp_path / "none")))
    with pytest.raises(UnreadableError, match="Is a directory"):
        list(records(str(tmp_path)))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` reads what is piped in, packed or not."""
    for content in (b"a\nb\n", gzip.compress(b"a\nb\n")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert list(records("-")) == [b"a", b"b"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x1f\x8bjunk")))
    with pytest.raises(UnreadableError, match="standard input"):
        list(records("-"))


def test_evtx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An EVTX gives its records as JSON in order: from a file, from a gzip, from a pipe."""
    content = evtx([PROCESS, {**PROCESS, "CommandLine": "dịch vụ công"}], ["CommandLine"])
    (tmp_path / "e.evtx").write_bytes(content)
    plain = list(records(str(tmp_path / "e.evtx")))
    assert [json.loads(r)["Event"]["EventData"]["CommandLine"] for r in plain] == ["whoami /all", "dịch vụ công"]
    assert json.loads(plain[0])["Event"]["System"]["TimeCreated"]["#attributes"]["SystemTime"].startswith("2026-11-21T08:00:00")
    assert read(tmp_path, gzip.compress(content)) == plain
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert list(records("-")) == plain
    monkeypatch.setattr(scan_files, "MAX_PIPED", 1000)
    with pytest.raises(UnreadableError, match="only read as a plain file"):
        read(tmp_path, gzip.compress(content))


def test_a_damaged_evtx_gives_what_is_whole_and_says_what_is_not(tmp_path: Path) -> None:
    """A damaged record keeps its number and the records behind it are read; a file cut off is said to be."""
    content = bytearray(evtx([PROCESS] * 3, ["CommandLine"]))
    second = content.find(b"\x2a\x2a\0\0", content.find(b"\x2a\x2a\0\0") + 4)
    content[second + 24 : second + 40] = b"\xff" * 16
    (tmp_path / "e.evtx").write_bytes(content)
    found = []
    with pytest.raises(UnreadableError, match="1 damaged records or chunks were passed over"):
        found.extend(records(str(tmp_path / "e.evtx")))
    found = []
    with pytest.raises(UnreadableError):
        for record in records(str(tmp_path / "e.evtx")):
            found.append(bool(record))
    assert found == [True, False, True]
    with pytest.raises(UnreadableError, match="cut off"):
        read(tmp_path, bytes(content[:40_000]))


def test_a_named_pipe(tmp_path: Path) -> None:
    """What a shell gives for ``<(zcat …)`` cannot be read twice, and need not be."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(b"a\nb\n"),))
    writing.start()
    assert list(records(str(pipe))) == [b"a", b"b"]
    writing.join()
