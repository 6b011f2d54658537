"""Alerts from traces."""

from correlator.alerts import EVIDENCE, EXCERPT, alert_id, build, merge_evidence, repeat_key, trace_of
from correlator.rule import Rule
from model import Entity, Event

RULE = Rule("r", "R", "high", "r.yml", 1, tags=("attack.t1110",), description="mô tả" * 1_000)


def event(number: int, at: int = 0) -> Event:
    return Event(
        f"{number:032x}", "s", at, at + 1, "x" * 5_000, "f", system=f"s{number}", host="h", fields={"src_ip": "203.0.113.1"}
    )


def test_ids_depend_on_rule_group_and_first_event_and_nothing_else() -> None:
    """Same parts, same id; no two different part lists can be confused."""
    assert alert_id("r", [("user", "an")], "e") == alert_id("r", [("user", "an")], "e")
    different = {alert_id("r", [("a", "bc")], "e"), alert_id("r", [("ab", "c")], "e"), alert_id("ra", [("", "bc")], "e")}
    assert len(different) == 3


def test_everything_is_bounded() -> None:
    """Evidence, excerpts, description, systems and entities have limits."""
    alert = build(RULE, (), [trace_of(event(n, n), 5) for n in range(100)], id="i", now=9, count=100)
    assert len(alert.evidence) == EVIDENCE and all(len(e.excerpt) == EXCERPT for e in alert.evidence)
    assert len(alert.systems) == 16 and len(alert.description) == 2_000
    assert (alert.happened_at, alert.received_at, alert.stored_at, alert.detected_at, alert.last_at) == (0, 1, 5, 9, 99)


def test_evidence_keeps_the_first_and_the_last() -> None:
    """Of more than fit, the earliest and the one that made the rule hold; never one event twice."""
    traces = [trace_of(event(n), 0) for n in range(30)]
    kept = [int(e.event, 16) for e in merge_evidence((), traces)]
    assert kept == [*range(9), 29]
    assert merge_evidence(merge_evidence((), traces[:2]), traces[:2]) == merge_evidence((), traces[:2])


def test_a_repeat_is_told_by_the_first_of_each_kind() -> None:
    """Address, user, host, token and source; a second address or a hash makes no difference."""
    key = repeat_key([Entity("ip", "1"), Entity("ip", "2"), Entity("hash", "h"), Entity("user", "u")])
    assert key == (("ip", "1"), ("user", "u"))


def test_a_trace_has_entities_and_a_bounded_excerpt() -> None:
    """What windows keep of an event is small and enough for an alert."""
    trace = trace_of(event(1), 7)
    assert trace.entities == (("ip", "203.0.113.1"), ("host", "h")) and len(trace.excerpt) == EXCERPT and trace.stored_at == 7
