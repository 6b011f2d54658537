"""Heads, pairs and encodings of audit records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.parsers.auditd_records import address, head, pairs, unhex
from model import ParseError


def test_heads() -> None:
    """A head is read with and without node, as auditd and as the kernel's own log write it."""
    found = head("node=web-01 type=PATH msg=audit(1795228200.123:456): item=0")
    assert (found.type, found.at, found.serial, found.node) == ("PATH", 1_795_228_200_123_000, "456", "web-01")
    kernel = head('audit: type=1400 audit(1795228200.1:7): apparmor="DENIED"')
    assert (kernel.type, kernel.at, kernel.node) == ("AVC", 1_795_228_200_100_000, "")
    with pytest.raises(ParseError):
        head("type=SYSCALL msg=audit(1795228200.123 456) x")


def test_pairs_inside_pairs() -> None:
    """Pairs of ``msg='…'`` and of ``{ … }`` count, names auditd added come after 0x1D, nothings are left out."""
    text = """op=x msg='op=login acct="lan" res=failed' a=? b=(null)\x1dUID="root" SADDR={ saddr_fam=inet lport=443 }"""
    assert pairs(text, 0, "USER_LOGIN") == {
        "op": "x",
        "acct": "lan",
        "res": "failed",
        "UID": "root",
        "saddr_fam": "inet",
        "lport": "443",
    }


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1))
def test_hexadecimal_comes_back(text: str) -> None:
    """Text the kernel wrote as hexadecimal is decoded to what it was."""
    assert unhex(text.encode().hex().upper()) == text


@given(st.text())
def test_addresses_never_fail(text: str) -> None:
    """Anything but a socket address gives None."""
    assert address(text) is None or isinstance(address(text), tuple)
