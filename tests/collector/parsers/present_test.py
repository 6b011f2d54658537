"""Absent fields."""

from collector.parsers.present import present


def test_empty_text_is_absent() -> None:
    """Empty text goes, zero and False stay, and a full dictionary is not copied."""
    assert present({"a": "", "b": 0, "c": False, "d": "x"}) == {"b": 0, "c": False, "d": "x"}
    full = {"a": "x"}
    assert present(full) is full
