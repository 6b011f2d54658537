"""Real Sigma rules and correlations, compiled by pySigma, over real events."""

import pytest

from correlator.compile import compile_rules
from correlator.detection import Detection
from correlator.load import load
from correlator.match import Matcher
from model import Alert, Event, LogSource
from model.moment import MINUTE, SECOND

NOON = 1_795_219_200_000_000

RULES = b"""
title: Failed log-in
id: 11111111-0000-4000-8000-000000000001
name: failed
level: low
logsource: {product: linux, service: sshd}
detection: {s: {action: failed}, condition: s}
---
title: Log-in
id: 11111111-0000-4000-8000-000000000002
name: accepted
level: informational
logsource: {product: linux, service: sshd}
detection: {s: {action: accepted}, condition: s}
---
title: Root
id: 11111111-0000-4000-8000-000000000003
level: medium
logsource: {product: linux, service: sshd}
detection: {s: {action: accepted, username: root}, condition: s}
---
title: Many failed log-ins
id: 22222222-0000-4000-8000-000000000001
name: many
level: medium
correlation: {type: event_count, rules: [failed], group-by: [src_ip], timespan: 5m, condition: {gte: 5}}
---
title: Many accounts
id: 22222222-0000-4000-8000-000000000002
name: spray
level: high
correlation: {type: value_count, rules: [failed], group-by: [src_ip], timespan: 5m, condition: {gte: 4, field: username}}
---
title: Failed, then in
id: 22222222-0000-4000-8000-000000000003
level: critical
correlation: {type: temporal_ordered, rules: [spray, accepted], group-by: [src_ip], timespan: 30m}
"""


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    compiled = compile_rules(load([("rules.yml", RULES)]))
    assert not compiled.refused, compiled.refused
    return Matcher(compiled)


def ssh(number: int, at: int, action: str, user: str, ip: str = "203.0.113.7") -> Event:
    fields = {"action": action, "username": user, "src_ip": ip, "message": f"{action} {user}"}
    source = LogSource("linux", (), "sshd")
    return Event(f"{number:032x}", "s", at, at, f"{action} {user}", "sshd", source, "may-chu", "web01", fields=fields)


def run(matcher: Matcher, *events: Event) -> dict[str, Alert]:
    detection = Detection(matcher, wall=False)
    for event in events:
        detection.observe(event, event.received_at, event.received_at)
    detection.flush(NOON)
    alerts = detection.drain()
    assert len({a.id for a in alerts}) == len({(a.title, a.group) for a in alerts}), "one alert each"
    return {a.title: a for a in alerts}


def test_spraying_then_a_log_in(matcher: Matcher) -> None:
    """Six accounts fail from one address, then one gets in: a count, and a chain over spraying. What is referred to is silent."""
    failed = [ssh(n, NOON + n * SECOND, "failed", f"user{n}") for n in range(6)]
    told = run(matcher, *failed, ssh(10, NOON + 10 * MINUTE, "accepted", "user3"))
    assert set(told) == {"Many failed log-ins", "Failed, then in"}
    many, chain = told["Many failed log-ins"], told["Failed, then in"]
    assert (many.count, many.level, many.group) == (6, "medium", (("src_ip", "203.0.113.7"),))
    assert (chain.count, chain.level, chain.correlation) == (2, "critical", True)
    assert chain.evidence[-1].excerpt == "accepted user3"
    assert ("user", "user3") in [(e.kind, e.value) for e in chain.entities]


def test_the_same_one_by_one_raises_nothing(matcher: Matcher) -> None:
    """The same failures from six addresses, or one every two minutes, are nobody's attack; neither is a log-in before them."""
    assert run(matcher, *(ssh(n, NOON + n, "failed", f"u{n}", f"203.0.113.{n}") for n in range(6))) == {}
    assert run(matcher, *(ssh(n, NOON + n * 2 * MINUTE, "failed", f"u{n}") for n in range(12))) == {}
    before = run(matcher, ssh(99, NOON, "accepted", "u0"), *(ssh(n, NOON + MINUTE + n, "failed", f"u{n}") for n in range(4)))
    assert before == {}


def test_plain_rules_alert_once_and_count(matcher: Matcher) -> None:
    """A rule that no correlation uses alerts by itself; its repeats count."""
    told = run(matcher, *(ssh(n, NOON + n * MINUTE, "accepted", "root") for n in range(7)))
    assert {title: a.count for title, a in told.items()} == {"Root": 7}


def test_other_rules_take_over_the_windows(matcher: Matcher) -> None:
    """After ``replace`` with the same correlations a half-filled window goes on; without them its state is dropped and named."""
    detection = Detection(matcher, wall=False)
    for n in range(4):
        detection.observe(ssh(n, NOON + n, "failed", f"u{n}"), NOON, NOON)
    assert detection.replace(Matcher(compile_rules(load([("rules.yml", RULES)])))) == 0
    detection.observe(ssh(9, NOON + 9, "failed", "u9"), NOON, NOON)
    assert [a.title for a in detection.drain()] == ["Many failed log-ins"]
    assert detection.replace(Matcher(compile_rules(load([])))) >= 2
    assert detection.changed
