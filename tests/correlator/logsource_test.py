"""Log sources fit or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlator.logsource import fits, may_fit
from correlator.rule import RuleSource
from model import LogSource

WORD = st.sampled_from(["", "a", "B", "b"])
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


@pytest.mark.parametrize(
    ("rule", "event", "wanted"),
    [
        (RuleSource("windows", "process_creation"), LogSource(), True),
        (RuleSource("", "test"), LogSource(), True),
        (RuleSource("windows", "process_creation"), LogSource("Windows"), True),
        (RuleSource("windows", "process_creation"), LogSource("linux"), False),
        (RuleSource("windows", "process_creation"), LogSource("windows", (), "security"), False),
        (RuleSource("windows", "", "sysmon"), LogSource("windows", ("process_creation",)), False),
        (RuleSource("", "proxy"), LogSource("", ("proxy",)), True),
        (RuleSource("squid", "proxy"), LogSource("", ("proxy",)), True),
    ],
)
def test_what_is_not_told_excludes_nothing(rule: RuleSource, event: LogSource, wanted: bool) -> None:
    """Leniently, a rule is left out only where the event's log source contradicts it."""
    assert may_fit(rule, event) is wanted


@given(
    rule=st.builds(RuleSource, WORD, WORD, WORD), event=st.builds(LogSource, WORD, st.lists(WORD, max_size=2).map(tuple), WORD)
)
def test_lenient_is_wider(rule: RuleSource, event: LogSource) -> None:
    """What fits strictly fits leniently."""
    assert may_fit(rule, event) or not fits(rule, event)
