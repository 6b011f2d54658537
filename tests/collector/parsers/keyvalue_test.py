"""Truths about key=value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.parsers.keyvalue import PAIRS, pairs, parse
from collector.recipe import Context
from model import LogSource, ParseError
from model.moment import from_rfc3339

CONTEXT = Context(1_795_253_400_000_000)
KEY = st.text(alphabet="abcXYZ_.-09", min_size=1, max_size=12)


def test_values_bare_and_quoted() -> None:
    """Both quotes, escapes, blanks around pairs, and empty values are read."""
    found, free = pairs('a=1 b="hai ba" c=\'bốn \\\' năm\'  d= e="" xong')
    assert found == {"a": "1", "b": "hai ba", "c": "bốn ' năm", "d": "", "e": ""} and free == "xong"


@given(st.dictionaries(KEY, st.text(max_size=20), min_size=2, max_size=8))
def test_quoted_pairs_are_read_back(document: dict[str, str]) -> None:
    """Whatever stands in quotes, escaped, is the value again."""
    text = " ".join(f'{k}="{v.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"' for k, v in document.items())
    assert pairs(text)[0] == document


def test_separators() -> None:
    """Commas and semicolons divide pairs too; without any blank a comma ends a value."""
    assert pairs("a=1, b=2; c=3")[0] == pairs("a=1,b=2,c=3")[0] == {"a": "1", "b": "2", "c": "3"}


def test_time_host_and_product() -> None:
    """Date and time in two fields are one time; vendor and device name the source."""
    parsed = parse('date=2026-11-21 time=16:30:00 devname=fw-tinh vendor=Hang service=tuong-lua msg="từ chối"', CONTEXT)
    assert parsed.happened_at == from_rfc3339("2026-11-21T16:30:00+07:00")
    assert parsed.host == "fw-tinh" and parsed.logsource == LogSource(product="hang", service="tuong-lua")
    assert parsed.fields["message"] == "từ chối"


@pytest.mark.parametrize("text", ["", "a=1", "xin chào", "== = =", "=1 =2", 'x="'])
def test_what_is_not_key_value(text: str) -> None:
    """Fewer than two pairs: ParseError."""
    with pytest.raises(ParseError):
        parse(text, CONTEXT)


def test_pairs_are_bounded() -> None:
    """Beyond 1,000 pairs the rest is free text, not lost."""
    found, free = pairs(" ".join(f"k{n}=v" for n in range(PAIRS + 10)))
    assert len(found) == PAIRS and "k1009=v" in free
