"""Truths about bytes and text."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.encoding import ENCODINGS, TCVN3, decode, is_syllable

SENTENCES = (
    "Đăng nhập thất bại cho người dùng Nguyễn Văn Ánh tại Hải Dương",
    "lỗi: không mở được tệp",
    "user=trần thị hương; quyết định số 12 bị trễ hạn",
)


def tcvn3(text: str) -> bytes:
    return bytes(TCVN3.index(sign) for sign in text)


def windows_1258(text: str) -> bytes:
    """Each letter as Windows writes it: base letter, then its tone."""
    out = b""
    for sign in text:
        try:
            out += sign.encode("cp1258")
        except UnicodeEncodeError:
            apart = normalize("NFD", sign)
            tone = next(mark for mark in apart if mark in "\u0300\u0301\u0303\u0309\u0323")
            out += (normalize("NFC", apart.replace(tone, "")) + tone).encode("cp1258")
    return out


@pytest.mark.parametrize("text", SENTENCES)
def test_vietnamese_in_legacy_encodings_is_recognised(text: str) -> None:
    """Without configuration both legacy encodings are told apart, and from UTF-8."""
    assert decode(text.encode()) == (text, ())
    assert decode(tcvn3(text)) == (text, ("encoding:tcvn3",))
    found, tags = decode(windows_1258(text))
    assert (normalize("NFC", found), tags) == (text, ("encoding:windows-1258",))


def test_the_table_is_a_bijection() -> None:
    """Every byte of TCVN3 is one character and no character has two bytes: nothing is lost."""
    assert len(TCVN3) == len(set(TCVN3)) == 256
    assert tcvn3("ậẳỗựỵđƯ") == b"\xcb\xbc\xe7\xf9\xfe\xae\xa6"


def test_a_set_encoding_is_obeyed() -> None:
    """A word too short to guess is read as the profile says."""
    assert decode(tcvn3("giờ"), "tcvn3")[0] == "giờ"
    assert normalize("NFC", decode(windows_1258("giờ"), "windows-1258")[0]) == "giờ"
    assert decode("giờ".encode("utf-16-le"), "utf-16")[0] == "giờ"
    assert decode("giờ".encode("cp1258", "ignore"), "utf-8")[1] in {(), ("encoding:invalid",)}


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_with_and_without_mark(codec: str) -> None:
    """Windows tools write UTF-16; the mark is not part of the text."""
    assert decode("Đăng nhập: xong việc".encode(codec))[0] == "Đăng nhập: xong việc"


def test_marks_and_nul() -> None:
    """A UTF-8 byte-order mark is dropped, NUL stays."""
    assert decode(b"\xef\xbb\xbfabc") == ("abc", ())
    assert decode(b"a\0b") == ("a\0b", ())


@pytest.mark.parametrize(
    "data",
    [
        "café crème déjà vu".encode("latin-1"),
        b"\xff\xfe\x00",
        b"ok \x80\x81",
        b"\xed\xa0\x80x",
        b"\xff\xfe\x00\xd8A\x00",
        b"\x00" * 9 + b"\xff",
    ],
)
def test_what_is_no_text_is_escaped(data: bytes) -> None:
    """Bytes in no encoding we know stay readable as \\xHH, and the record says so."""
    text, tags = decode(data)
    assert tags == ("encoding:invalid",) and "\\x" in text


@given(st.binary(max_size=300), st.sampled_from(ENCODINGS))
def test_any_bytes_become_text(data: bytes, encoding: str) -> None:
    """Whatever the bytes and the setting: text that UTF-8 can hold, nothing of printable ASCII lost on the fast path."""
    text, tags = decode(data, encoding)
    text.encode()
    assert len(text) <= 4 * len(data)
    if encoding == "utf-8" and not tags:
        assert text.encode() == data.removeprefix(b"\xef\xbb\xbf")


def test_syllables() -> None:
    """Vietnamese syllables are recognised; two tones, impossible vowels or capitals inside are not."""
    for word in ("quyết", "nghiêng", "GIỮ", "Đường", "ơi", "khuỷu", "gì", "quý"):
        assert is_syllable(word), word
    for word in ("Dýừng", "Haềi", "déjà", "crème", "naïve", "hảI", "straße", "ngọng" * 3):
        assert not is_syllable(word), word
