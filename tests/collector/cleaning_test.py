"""Truths about what fields may hold."""

from typing import Any
from unicodedata import is_normalized

from hypothesis import given
from hypothesis import strategies as st

from backbone.codec import encode
from collector.cleaning import FIELDS, NAME, VALUE, VALUES, clean
from model import Event

TEXT = st.text(st.characters(), max_size=8)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(2**60, 2**80) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(TEXT, ANY, max_size=8))
def test_clean_fields_hold_everywhere(fields: dict[str, Any]) -> None:
    """Any fields become encodable: plain values, NFC, no lone surrogates, 64-bit numbers."""
    cleaned, _ = clean(dict(fields))
    encode(Event("i", "s", 0, 0, "", "f", fields=cleaned))
    for name, value in cleaned.items():
        assert is_normalized("NFC", name)
        for part in value if isinstance(value, list) else [value]:
            assert part is None or isinstance(part, (str, int, float))
            assert not isinstance(part, str) or is_normalized("NFC", part)
            assert not isinstance(part, int) or -(2**63) <= part < 2**63


def test_good_fields_are_left_alone() -> None:
    """The same dict comes back when there is nothing to do."""
    fields = {"EventID": 1, "Image": "C:\\x.exe", "ok": True, "none": None, "list": ["a", 1]}
    assert clean(fields) == (fields, 0) and clean(fields)[0] is fields


def test_lone_surrogates_and_strange_numbers() -> None:
    """What JSON cannot hold is replaced, not dropped."""
    cleaned, cut = clean({"a": "x\ud800y", "\udc00": 1, "n": float("nan"), "b": 2**70, "d": {"k": ["v"]}})
    assert cleaned == {"a": "x\ufffdy", "\ufffd": 1, "n": "nan", "b": str(2**70), "d": '{"k": ["v"]}'} and cut == 0


def test_bounds_are_counted() -> None:
    """Long values and names, long lists and too many fields are cut, and the count says how many."""
    assert clean({"a": "x" * (VALUE + 1)}) == ({"a": "x" * VALUE}, 1)
    assert clean({"a": ["x"] * (VALUES + 7)})[1] == 7
    assert clean({"n" * (NAME + 1): 1}) == ({"n" * NAME: 1}, 1)
    fields, cut = clean({str(n): n for n in range(FIELDS + 3)})
    assert (len(fields), cut) == (FIELDS, 3)


def test_composed_text_beside_marks() -> None:
    """Composed Vietnamese is left alone; a value that begins with a mark is not joined with the one before it."""
    fields = {"a": "Hồ sơ đã tiếp nhận", "b": 7, "c": "Ủy ban", "d": "x"}
    assert clean(fields)[0] is fields
    apart = {"a": "e", "b": "\u0301tat"}
    assert clean(dict(apart)) == (apart, 0)
    loose = {"a": "Ủy ban".replace("Ủ", "U\u0309"), "b": "nhân dân"}
    assert clean(loose) == ({"a": "Ủy ban", "b": "nhân dân"}, 0)
