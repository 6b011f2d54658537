"""Truths about looking up information systems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.register import MEMO, Register, address_of
from model import ConfigError, System


def system(code: str, **more: tuple[str, ...]) -> System:
    return System(code, 1, code, code, "", "", 2, **more)  # type: ignore[arg-type]


REGISTER = Register(
    [
        system("wan", addresses=("10.0.0.0/8", "2001:db8::/32")),
        system("dvc", hosts=("dvc-*", "*.dvc.example.vn", "Cổng"), addresses=("10.1.0.0/16",)),
        system("thu", hosts=("dvc-mail", "mx*.example.vn", "*postfix*"), sources=("thu-dien-tu",)),
    ]
)


@pytest.mark.parametrize(
    ("source", "host", "peer", "code"),
    [
        ("thu-dien-tu", "dvc-01", "10.1.0.1", "thu"),
        ("s", "dvc-mail", "10.1.0.1", "thu"),
        ("s", "DVC-01", "", "dvc"),
        ("s", "cổng", "", "dvc"),
        ("s", "a.dvc.example.vn", "", "dvc"),
        ("s", "mx2.example.vn", "", "thu"),
        ("s", "may-postfix-1", "", "thu"),
        ("s", "", "10.1.2.3", "dvc"),
        ("s", "la", "10.2.2.3", "wan"),
        ("s", "10.1.0.9", "192.0.2.1", "dvc"),
        ("s", "", "[2001:db8::1]:514", "wan"),
        ("s", "", "::ffff:10.1.2.3", "dvc"),
        ("s", "", "10.1.2.3:514", "dvc"),
        ("s", "", "/var/log/10.1.2.3", ""),
        ("s", "", "192.0.2.1", ""),
        ("s", "", "", ""),
    ],
)
def test_order_of_answers(source: str, host: str, peer: str, code: str) -> None:
    """Source before exact host before longest pattern before narrowest network; asked twice the answer is the same."""
    assert REGISTER.system(source, host, peer) == REGISTER.system(source, host, peer) == code


@given(st.text(), st.text(), st.text())
def test_any_names_have_an_answer(source: str, host: str, peer: str) -> None:
    """Whatever a stranger calls himself, the look-up answers."""
    assert REGISTER.system(source, host, peer) in {"", "wan", "dvc", "thu"}


def test_memory_is_bounded() -> None:
    """A stranger inventing hosts does not fill memory."""
    register = Register([])
    for number in range(MEMO + 10):
        register.system("s", str(number))
    assert len(register._memo) <= MEMO


def test_a_wrong_network_names_its_system() -> None:
    """The message says which system and how to write it."""
    with pytest.raises(ConfigError, match=r"system dvc: '10\.1/x' is no network"):
        Register([system("dvc", addresses=("10.1/x",))])


def test_addresses() -> None:
    """Ports, brackets and mapped addresses are stripped; names are none."""
    assert str(address_of("10.0.0.1:514")) == "10.0.0.1" and address_of("may-chu") is None
