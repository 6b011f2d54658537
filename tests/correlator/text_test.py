"""Text of values: what is the same and what is not."""

from unicodedata import normalize

from hypothesis import given
from hypothesis import strategies as st

from correlator.text import flat, fold, number, plain, scalar


@given(st.text())
def test_folding_keeps_length_and_is_stable(text: str) -> None:
    """One character stays one, folding twice changes nothing, and case does not count."""
    once = fold(plain(text))
    assert len(once) == len(plain(text))
    assert fold(once) == once
    once.encode()


@given(st.text(alphabet="aáàảãạăắằâấầđêếềôốồơớờưứừyýỳ AĐÊ"))
def test_composed_and_decomposed_are_one(text: str) -> None:
    """Vietnamese written in NFD is the text written in NFC."""
    assert plain(normalize("NFD", text)) == plain(normalize("NFC", text))


def test_scalars() -> None:
    """Numbers and booleans have one text; null, lists and mappings have none."""
    assert [scalar(v) for v in (42, 42.0, 1.5, True, False, "x")] == ["42", "42", "1.5", "true", "false", "x"]
    assert [scalar(v) for v in (None, [], {})] == [None, None, None]


def test_numbers() -> None:
    """Decimal numbers only, integers exact; no words, no hexadecimal, nothing huge to compute."""
    assert [number(t) for t in ("5", " 7 ", "-1", "2.5", "18446744073709551616")] == [5, 7, -1, 2.5, 2**64]
    assert [number(t) for t in ("", "0x10", "nan", "inf", "1_000", "٣", "9" * 5000)] == [None] * 7


def test_flat_is_bounded() -> None:
    """Nested names become dotted ones, to a depth and number that nobody can blow up."""
    assert flat({"a": {"b": {"c": 1}}})["a.b.c"] == 1
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": deep}
    assert len(flat({"x": deep})) < 50
    assert len(flat({"x": {str(n): {"y": n} for n in range(100_000)}})) < 10_000
