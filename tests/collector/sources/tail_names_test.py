import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sources.tail_names import kin, rotated_from, understand, younger


@pytest.mark.parametrize(
    "name",
    [
        "x.log.1",
        "x.log.12",
        "x.log.1.gz",
        "x.log-20261121",
        "x.log-20261121.gz",
        "x.log.2026-11-21",
        "x-20261121.log",
        "x.1.log",
        "x.log.gz",
    ],
)
def test_names_of_rotation(name: str) -> None:
    """What logrotate, log4j and friends make of ``x.log`` is recognised as coming from it."""
    assert rotated_from(f"/var/log/{name}", "/var/log/x.log")
    assert rotated_from(f"/var/log/old/{name}", "/var/log/x.log")
    assert not rotated_from("/var/log/x.log", f"/var/log/{name}")


@pytest.mark.parametrize(
    "other", ["/var/log/y.log", "/srv/x.log", "/var/log2/x.log.1", "/var/log/xx.log.1", "/var/log/x.log.old2"]
)
def test_other_names(other: str) -> None:
    """Another stem, or a folder beside: not kin."""
    assert not kin("/var/log/x.log", other)


@pytest.mark.parametrize(
    ("path", "other", "is_younger"),
    [
        ("x.log.1", "x.log.2", True),
        ("x.log.2.gz", "x.log.10.gz", True),
        ("x.log.2", "x.log.1", False),
        ("x.log.1.gz", "x.log.1", False),
        ("x.log-20261122", "x.log-20261121.gz", True),
        ("x-2026-11-20.log", "x-2026-11-21.log", False),
        ("x.log.1", "x.log-20261121", False),
        ("x.log.bak", "x.log.1", False),
        ("y.log.1", "x.log.2", False),
    ],
)
def test_ages_of_rotated_names(path: str, other: str, is_younger: bool) -> None:
    """Small numbers and late dates are younger; names of two manners, or of two logs, do not tell."""
    assert younger(path, other) is is_younger


@given(st.text(max_size=60))
def test_any_name(path: str) -> None:
    """Any path has a stem, and is kin to itself."""
    understand(path)
    assert not younger(path, path)
    assert kin(path, path)
