"""Truths about CEF."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.parsers.cef import extension, parse
from collector.recipe import Context
from model import LogSource, ParseError
from model.moment import from_rfc3339

CONTEXT = Context(1_795_253_400_000_000)


def test_whole_record() -> None:
    """Escaped header, values with blanks, labels, time, addresses and message are read."""
    parsed = parse(
        "CEF:0|Hãng|WA\\|F|1.0|100|Chặn \\\\ lệnh|8|rt=1795253400123 src=203.0.113.9 spt=40001 dst=10.1.2.3 dpt=443 "
        "request=/dvc?id\\=1 cs1Label=Mã hồ sơ cs1=H23 0001 msg=dòng một\\ndòng hai dvchost=waf01",
        CONTEXT,
    )
    assert parsed.fields["deviceProduct"] == "WA|F" and parsed.fields["name"] == "Chặn \\ lệnh"
    assert parsed.fields["request"] == "/dvc?id=1"
    assert parsed.fields["cs1"] == parsed.fields["Mã hồ sơ"] == "H23 0001"
    assert parsed.fields["src_ip"] == "203.0.113.9" and parsed.fields["dst_port"] == 443
    assert parsed.fields["message"] == "dòng một\ndòng hai"
    assert parsed.host == "waf01" and parsed.happened_at == 1_795_253_400_123_000
    assert parsed.logsource == LogSource(product="hãng", service="wa|f")


@given(st.dictionaries(st.text(alphabet="abcXYZ09", min_size=1), st.text(alphabet="ab =\\|ệ\n", max_size=20), max_size=6))
def test_extensions_are_read_back(document: dict[str, str]) -> None:
    """Escaped values, blanks inside them included, are read as they were."""
    text = " ".join(f"{k}=" + v.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n") for k, v in document.items())
    assert {k: v.strip() for k, v in extension(text).items()} == {k: v.strip() for k, v in document.items()}


def test_the_zone_of_the_device() -> None:
    """``dtz`` is the zone of its times when there is such a zone; a stranger's invention is passed over."""
    for zone, expected in (("UTC", "2026-11-21T16:30:00Z"), ("../../x", "2026-11-21T16:30:00+07:00")):
        parsed = parse(f"CEF:0|a|b|1|2|n|3|rt=Nov 21 2026 16:30:00 dtz={zone}", CONTEXT)
        assert parsed.happened_at == from_rfc3339(expected)


def test_without_extension() -> None:
    """A record may end after the severity; the name is its message."""
    assert parse("CEF:0|a|b|1|2|tên|3", CONTEXT).fields["message"] == "tên"


@pytest.mark.parametrize("text", ["", "CEF", "CEF:0|a|b", "LEEF:1.0|a|b|c|d|", "CEF:0\\|a|b|c|d|e"])
def test_what_is_not_cef(text: str) -> None:
    """No prefix or fewer than seven parts: ParseError."""
    with pytest.raises(ParseError):
        parse(text, CONTEXT)
