"""What commands print."""

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import output


@given(st.text(max_size=400))
def test_nothing_printed_moves_the_terminal(text: str) -> None:
    """No control character, escape sequence or mark of reading direction of a log line gets through; the length is bounded."""
    shown = output.clean(text)
    assert len(shown) <= 4 * 200 + 1
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert not any(0x202A <= ord(c) <= 0x202E or 0x2066 <= ord(c) <= 0x2069 for c in shown)


def test_control_characters_are_shown_as_what_they_are() -> None:
    """An escape sequence is visible, a right-to-left override gone, Vietnamese untouched, a long text cut with a mark."""
    assert output.clean("\x1b[31mĐăng nhập\x07") == "\\x1b[31mĐăng nhập\\x07"
    assert output.clean("exe.\u202efdp") == "exe.fdp"
    assert output.clean("x" * 300, 10) == "x" * 10 + "…"


def test_cells_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """A log line with square brackets is text, not a style or a link of the table."""
    output.table("t", ("a",), [("[link=http://evil]x[/link] [bold]",)], lambda row: "", "none")
    shown = capsys.readouterr().out
    assert "[link=http://evil]x[/link] [bold]" in shown and "\x1b" not in shown


def test_nothing_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table is the sentence that says what to do."""
    output.table("t", ("a",), [], lambda row: "", "send a line")
    assert capsys.readouterr().out == "send a line\n"


@pytest.mark.parametrize(
    ("environment", "vietnamese"),
    [
        ({"LANG": "vi_VN.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C.UTF-8"}, False),
        ({"LC_MESSAGES": "vi", "LANG": "en_GB"}, True),
        ({"LC_ALL": "", "LANG": "vi_VN"}, True),
        ({}, False),
    ],
)
def test_the_language_of_the_terminal(environment: dict[str, str], vietnamese: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """LC_ALL before LC_MESSAGES before LANG decide which half of a bilingual title is shown."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert output.half("Tấn công mã độc / Ransomware") == ("Tấn công mã độc" if vietnamese else "Ransomware")
    assert output.half("một nửa") == "một nửa"


def test_json_lines_keep_every_character(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are one JSON object a line in UTF-8 whatever the locale."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    output.lines([{"a": "cửa hậu\n\x1b"}, {"a": 1}])
    assert raw.getvalue() == '{"a":"cửa hậu\\n\\u001b"}\n{"a":1}\n'.encode()
