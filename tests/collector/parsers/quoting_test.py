"""Truths about quoted text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.parsers.quoting import quoted, quoted_end, unescape
from model import ParseError


@given(st.text())
def test_what_is_escaped_comes_back(text: str) -> None:
    """Escaping quotes and backslashes and reading the quoted part gives the text again."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    line = f'"{escaped}" 200'
    assert quoted(line, 0) == (text, len(escaped) + 2)


def test_bytes_of_vietnamese_text_become_text() -> None:
    """nginx writes non-ASCII bytes as \\xHH; those that form no UTF-8 stay as they are."""
    assert unescape(r"H\xE1\xBA\xA3i D\xC6\xB0\xC6\xA1ng") == "Hải Dương"
    assert unescape(r"a\xFFb\x22c") == r"a\xFFb" + '"c'


def test_an_open_quote_is_refused() -> None:
    """A part that never closes, or does not open, is a ParseError."""
    assert quoted_end('abc\\"', 0) == -1
    for text in ('"abc', "abc", "", '"abc\\"'):
        with pytest.raises(ParseError):
            quoted(text, 0)
