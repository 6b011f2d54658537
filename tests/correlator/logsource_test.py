"""Log sources fit or not."""

import pytest

from correlator.logsource import fits
from correlator.rule import RuleSource
from model import LogSource

EVENT = LogSource("windows", ("registry_set", "registry_event"), "sysmon")


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (RuleSource("windows"), True),
        (RuleSource("windows", "registry_event"), True),
        (RuleSource("", "registry_set"), True),
        (RuleSource("windows", "", "sysmon"), True),
        (RuleSource("linux", "registry_set"), False),
        (RuleSource("windows", "process_creation"), False),
        (RuleSource("windows", "registry_set", "security"), False),
    ],
)
def test_fits(rule: RuleSource, wanted: bool) -> None:
    """Every part a rule names must be the event's; one of several categories is enough."""
    assert fits(rule, EVENT) is wanted


def test_an_event_that_knows_nothing() -> None:
    """Without a log source only rules that ask for none could fit, and Sigma knows no such rules."""
    assert not fits(RuleSource("windows"), LogSource())
