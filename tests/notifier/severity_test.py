"""Grading and classing by the tables of a legal profile."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.legal import parse
from notifier.severity import grade, kind_of, kinds_of, techniques

FILES = sorted((Path(__file__).parents[2] / "config/legal").glob("*.yml"))
LEVELS = ("informational", "low", "medium", "high", "critical")


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_graver_facts_never_grade_milder(path: Path) -> None:
    """In every shipped profile a higher level, a higher system level or more systems never lowers the grade."""
    legal = parse(path.read_text("utf-8"), str(path))
    for kind in [k.code for k in legal.kinds]:
        for system_level in range(1, 6):
            for systems in range(1, 5):
                row = [grade(legal, level=lv, systems=systems, system_level=system_level, kind=kind) for lv in LEVELS]
                assert row == sorted(row, reverse=True)
                for level, here in zip(LEVELS, row, strict=True):
                    up = grade(legal, level=level, systems=systems + 1, system_level=min(5, system_level + 1), kind=kind)
                    assert up <= here


def test_worked_examples(legal: Any) -> None:
    """Ransomware on a level-3 system is M1; a medium alert on a level-1 site is registered only."""
    assert grade(legal, level="high", systems=1, system_level=3, kind="ransomware") == "M1"
    assert grade(legal, level="critical", systems=1, system_level=2, kind="other") == "M2"
    assert grade(legal, level="high", systems=1, system_level=3, kind="other") == "M2"
    assert grade(legal, level="medium", systems=1, system_level=3, kind="other") == "M3"
    assert grade(legal, level="medium", systems=1, system_level=1, kind="other") == "M4"


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        (("attack.t1486", "attack.t1021.002", "attack.t1059.001"), "ransomware"),
        (("attack.t1190", "attack.t1505.003"), "unauthorised_access"),
        (("attack.t1110.003", "attack.t1078"), "unauthorised_access"),
        (("attack.t1078", "attack.t1213"), "data_theft"),
        (("attack.t1498", "attack.t1190"), "combined"),
        (("attack.t1499.002",), "denial_of_service"),
        (("attack.t1562.001",), "other"),
        (("attack.exfiltration",), "data_theft"),
        (("vonggac.phishing", "attack.t1486"), "phishing"),
        ((), "other"),
    ],
)
def test_kinds_of_decision_05(legal: Any, tags: tuple[str, ...], kind: str) -> None:
    """Own tags win over techniques, techniques over tactics; covered kinds drop out; two left are combined."""
    assert kind_of(legal, kinds_of(legal, tags)) == kind


def test_techniques_are_read_from_sigma_tags() -> None:
    """Only well-formed ATT&CK technique tags count, in any case."""
    assert techniques(("attack.T1059.001", "attack.t1", "attack.t12345", "attack.execution", "t1059", "cve.2021.t1234")) == (
        "T1059.001",
    )


@given(tags=st.lists(st.text(max_size=20)))
def test_any_tags_are_survived(legal: Any, tags: list[str]) -> None:
    """Whatever a rule's author wrote as tags, there is a kind."""
    assert kind_of(legal, kinds_of(legal, tags)) in {k.code for k in legal.kinds}
