"""Truths about access logs."""

import pytest

from collector.parsers.access import apache, nginx
from collector.recipe import Context
from model import ParseError
from model.moment import from_rfc3339

CONTEXT = Context(1_795_253_400_000_000)
COMMON = '203.0.113.7 - - [21/Nov/2026:16:30:00 +0700] "GET /dvc/tra-cuu?ma=H23 HTTP/1.1" 200 5120'


def test_common_and_combined() -> None:
    """Every part has its W3C name; a dash is absent."""
    parsed = nginx(COMMON + ' "-" "Mozilla/5.0 (X)"', CONTEXT)
    assert parsed.happened_at == from_rfc3339("2026-11-21T09:30:00Z")
    expected = {
        "c-ip": "203.0.113.7",
        "cs-method": "GET",
        "cs-uri": "/dvc/tra-cuu?ma=H23",
        "cs-uri-stem": "/dvc/tra-cuu",
        "cs-uri-query": "ma=H23",
        "cs-version": "HTTP/1.1",
        "sc-status": 200,
        "sc-bytes": 5120,
    }
    assert nginx(COMMON, CONTEXT).fields == expected | {"message": COMMON}
    assert parsed.fields == expected | {"cs-user-agent": "Mozilla/5.0 (X)", "message": COMMON + ' "-" "Mozilla/5.0 (X)"'}
    assert (parsed.logsource.product, parsed.logsource.categories, parsed.format) == ("nginx", ("webserver",), "nginx_access")
    assert apache(COMMON, CONTEXT).logsource.product == "apache"


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        (' "-" "x" "198.51.100.4, 10.0.0.1"', "x-forwarded-for", "198.51.100.4, 10.0.0.1"),
        (' "-" "x" 0.125', "request_time", 0.125),
        (' "-" "x" "-" rt=0.002 uct="0.001"', "uct", "0.001"),
        (' "-" "x" 4012 abc', "extra", ["4012", "abc"]),
        (" 0.5", "request_time", 0.5),
        (r' "https://a/\x22" "Hải \"Dương\" \\ \xE1\xBA\xA3"', "cs-user-agent", r'Hải "Dương" \ ả'),
    ],
)
def test_what_people_append(more: str, name: str, value: object) -> None:
    """Addresses, seconds, named values and anything else after the known parts are kept."""
    assert nginx(COMMON + more, CONTEXT).fields[name] == value


def test_users_and_virtual_hosts() -> None:
    """A user name may hold blanks; vhost_combined begins with the host."""
    fields = apache(COMMON.replace("- - [", "- Trần Thị Hương ["), CONTEXT).fields
    assert fields["cs-username"] == "Trần Thị Hương"
    fields = apache("dvc.example.vn:443 " + COMMON, CONTEXT).fields
    assert (fields["cs-host"], fields["c-ip"], "cs-username" in fields) == ("dvc.example.vn", "203.0.113.7", False)


@pytest.mark.parametrize(
    ("request_line", "fields"),
    [
        (r"\x16\x03\x01", {"cs-request": "\x16\x03\x01"}),
        ("-", {}),
        ("GET /", {"cs-method": "GET", "cs-uri": "/", "cs-uri-stem": "/"}),
        (r"GET /\"x\" y HTTP/1.0", {"cs-method": "GET", "cs-uri": '/"x" y', "cs-uri-stem": '/"x" y', "cs-version": "HTTP/1.0"}),
    ],
)
def test_odd_requests(request_line: str, fields: dict[str, str]) -> None:
    """TLS bytes on a plain port, no request, HTTP/0.9 and quotes in the URI are all kept."""
    line = f'2001:db8::1 - - [21/Nov/2026:16:30:00 +0700] "{request_line}" 400 -'
    found = nginx(line, CONTEXT).fields
    assert {k: v for k, v in found.items() if k.startswith("cs-")} == fields and "sc-bytes" not in found


@pytest.mark.parametrize(
    "text",
    [
        *("", "xin chào", COMMON.replace("[", ""), COMMON.replace("2026", "x"), COMMON.replace(" 200 ", " 2 "), COMMON[:-5]),
        *(COMMON.replace('1" ', "1 "), COMMON.replace("- - ", ""), COMMON.replace(" 5120", " x"), COMMON + ' "mở'),
    ],
)
def test_what_is_no_access_log(text: str) -> None:
    """A missing or impossible part: ParseError."""
    with pytest.raises(ParseError):
        nginx(text, CONTEXT)
