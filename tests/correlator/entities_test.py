"""Who and what an event is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlator.entities import LIMIT, address_of, entities_of, host_of, user_of
from model import Event, LogSource


def event(machine: str = "", product: str = "linux", /, **fields: object) -> Event:
    return Event("e", "s", 0, 0, "", "f", LogSource(product), host=machine, fields=fields)


def pairs(made: Event) -> list[tuple[str, str]]:
    return [(e.kind, e.value) for e in entities_of(made)]


def test_names_of_all_formats_are_found() -> None:
    """Addresses, users, host, token, domain and hash come from the names our formats and Sigma use."""
    made = event("WEB01.tinh.gov.vn", **{"c-ip": "203.0.113.9", "TargetUserName": "An.Nguyen", "token": "tK-1"})
    assert pairs(made) == [("ip", "203.0.113.9"), ("user", "an.nguyen"), ("host", "web01"), ("token", "tK-1")]
    made = event(ipAddress="203.0.113.9", src_ip="203.0.113.9", query="Evil.Example.", Hashes="MD5=1,SHA256=ABCD")
    assert pairs(made) == [("ip", "203.0.113.9"), ("domain", "evil.example"), ("hash", "abcd")]
    made = event("db01", "vonggac", host="DB01", format="postgresql", event="source_silent")
    assert pairs(made) == [("host", "db01"), ("source", "db01/postgresql")]
    assert pairs(event(Computer="PC-7.tinh.local")) == [("host", "pc-7")]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("0.0.0.0", ""),
        ("-", ""),
        ("web01", ""),
        (None, ""),
        (["203.0.113.9", "10.0.0.1"], "203.0.113.9"),
    ],
)
def test_addresses(value: object, address: str) -> None:
    """Canonical text; the machine itself is nobody."""
    assert address_of(value) == address


@pytest.mark.parametrize(
    ("value", "user"),
    [
        ("TINH\\An.Nguyen", "an.nguyen"),
        ("an.nguyen@tinh.gov.vn", "an.nguyen"),
        ("WEB01$", ""),
        ("NT AUTHORITY\\SYSTEM", ""),
        ("LOCAL SERVICE", ""),
        ("-", ""),
        ("", ""),
        ("Nguyễn Văn Ân", "nguyễn văn ân"),
    ],
)
def test_users(value: str, user: str) -> None:
    """The account without its domain; machine and service accounts are nobody."""
    assert user_of(value) == user


def test_hosts() -> None:
    """Short names, lower case; an address stays whole."""
    assert [host_of(v) for v in ("WEB01.tinh.gov.vn.", "10.0.0.7", "fe80::1", "-", None)] == [
        "web01", "10.0.0.7", "fe80::1", "", ""
    ]  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["c-ip", "src_ip", "username", "User", "query", "Hashes", "token", "sha256", "Computer"]),
        st.none() | st.text() | st.integers() | st.floats() | st.lists(st.text(), max_size=3) | st.booleans(),
    )
)
def test_any_content_is_bounded_and_never_fails(fields: dict[str, object]) -> None:
    """Whatever the fields hold: at most LIMIT entities, none empty, no repeats."""
    found = entities_of(event("h", **fields))
    assert len(found) <= LIMIT and len(set(found)) == len(found)
    assert all(e.value and len(e.value) <= 300 for e in found)


def test_a_destination_counts_only_outside() -> None:
    """Where a connection went is an entity when it left our networks: the stranger's address, never a server of ours."""
    assert pairs(event(src_ip="10.20.1.21", dst_ip="198.51.100.233")) == [("ip", "10.20.1.21"), ("ip", "198.51.100.233")]
    assert pairs(event(src_ip="10.20.1.21", dst_ip="10.20.19.11")) == [("ip", "10.20.1.21")]
    assert pairs(event(DestinationIp="2001:db8::5")) == [("ip", "2001:db8::5")]
    assert pairs(event(DestinationIp="fd00::5")) == []
