import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sources.tail_names import kin, numbered, rotated_from, understand


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


@pytest.mark.parametrize("name", ["x.log.1", "x.log.12.gz", "x.log-20261121", "x-2026-11-21.log", "x.1.log"])
def test_numbered_names(name: str) -> None:
    """A number or a date shows that rotation made the name; ``.bak`` and ``.old`` may be anybody's copy."""
    assert numbered(f"/var/log/{name}")
    assert not any(numbered(f"/var/log/{other}") for other in ("x.log", "x.log.bak", "x.log.old", "x.log.gz", "x1.log"))


@given(st.text(max_size=60))
def test_any_name(path: str) -> None:
    """Any path has a stem, and is kin to itself."""
    numbered(path)
    understand(path)
    assert kin(path, path)
