"""Repeats count into the alert that is there."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.rule import Correlation, Rule
from correlator.suppression import Suppression, is_told
from correlator.windows import Firing
from model import Alert, Event
from model.moment import HOUR, MINUTE, SECOND

RULE = Rule("r", "R", "medium", "r.yml", 1)
SPRAY = Correlation("c", "c", "C", "high", "event_count", ("r",), ("user",), 10 * MINUTE, ("gte", 3), "c.yml", 1)
START = 1_795_219_200_000_000


def event(number: int, at: int, ip: str = "203.0.113.7") -> Event:
    return Event(f"{number:032x}", "s", at, at, f"dòng {number}", "f", fields={"src_ip": ip}, system="dvc")


def take(s: Suppression, number: int, at: int, now: int = 0, ip: str = "203.0.113.7") -> list[Alert]:
    return s.take(RULE, event(number, at, ip), at, at - 5 * MINUTE, now)


def test_revisions_are_told_at_round_counts() -> None:
    """1, 2, 3, 5, 10, 20, 50, 100 …: each mark once, also when a count jumps over it."""
    told, marks = 0, []
    for count in range(1, 1_001):
        if is_told(count, told):
            told = count
            marks.append(count)
    assert marks == [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000]
    assert is_told(27, 19) and not is_told(27, 20)


def test_a_repeat_within_the_window_revises() -> None:
    """Same rule and same who within an hour of the first: the same alert, next revision; later or elsewhere: a new one."""
    s = Suppression()
    (first,) = take(s, 1, START)
    (again,) = take(s, 2, START + HOUR)
    assert (again.id, again.revision, again.count, again.last_at) == (first.id, 2, 2, START + HOUR)
    (other,) = take(s, 3, START, ip="203.0.113.8")
    (later,) = take(s, 4, START + HOUR + 1)
    assert len({first.id, other.id, later.id}) == 3 and later.revision == 1


def test_a_late_repeat_becomes_the_first() -> None:
    """A repeat that happened earlier joins, and its times become the alert's."""
    s = Suppression()
    (first,) = take(s, 1, START)
    (revised,) = take(s, 2, START - MINUTE)
    assert revised.id == first.id and revised.happened_at == START - MINUTE and revised.last_at == START


def test_owed_counts_are_told_after_a_pause_and_at_the_end() -> None:
    """What is not at a mark is told by a tick after ten seconds, by expiry, or by flush; then nothing is owed."""
    s = Suppression()
    for n in range(8):
        take(s, n, START + n, now=0)
    assert s.tick(START, 9 * SECOND) == []
    (told,) = s.tick(START, 10 * SECOND)
    assert told.count == 8
    take(s, 9, START + 9)
    (closed,) = s.tick(START + 3 * HOUR, 11 * SECOND)
    assert closed.count == 9 and len(s) == 0
    assert s.flush(0) == []


def test_open_alerts_are_bounded_in_number_and_weight() -> None:
    """The alert idle longest is closed early, told exactly once more if it owes, and counted."""
    s = Suppression(limit=2)
    for n in range(4):
        take(s, n, START + n, ip="203.0.113.1")
    take(s, 10, START, ip="203.0.113.2")
    told = take(s, 11, START, ip="203.0.113.3")
    assert [(a.count, a.revision > 1) for a in told] == [(4, True), (1, False)]
    assert s.evicted == 1 and len(s) == 2
    light = Suppression(weight=10)
    for n in range(5):
        take(light, n, START, ip=f"203.0.113.{n}")
    assert light.evicted and len(light) <= 3


def firing(change: str, count: int, **more: object) -> Firing:
    base = {"correlation": 0, "change": change, "id": "a", "key": ("an",), "count": count, "first_at": START, "last_at": START}
    return Firing(**(base | more))  # type: ignore[arg-type]


def traced(number: int) -> tuple[object, ...]:
    from correlator.alerts import trace_of

    return (trace_of(event(number, START + number), START),)


def test_a_merged_alert_says_where_it_went() -> None:
    """Its last revision carries the id of the alert it is part of, then it is closed."""
    s = Suppression()
    s.fire(SPRAY, firing("opened", 3, traces=traced(1)), START, 0)
    (told,) = s.fire(SPRAY, firing("merged", 3, into="b"), START, 0)
    assert told.revision == 2 and told.tags == ("merged-into:b",) and len(s) == 0


def test_an_alert_closed_early_goes_on_with_a_later_revision() -> None:
    """An episode that outlives its open alert is told with a revision higher than any told before."""
    s = Suppression(limit=1)
    revisions = [a.revision for n in range(3, 7) for a in s.fire(SPRAY, firing("opened" if n == 3 else "extended", n,
        traces=traced(n)), START, 0)]  # fmt: skip
    take(s, 1, START)
    (back,) = (a for a in s.fire(SPRAY, firing("extended", 7, traces=traced(7)), START, 0) if a.id == "a")
    assert back.revision > max(revisions)


@given(seed=st.integers(0, 2**32), jumps=st.lists(st.integers(0, 40 * 60), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_counts_add_up_whatever_happens(seed: int, jumps: list[int]) -> None:
    """Through ticks, saves and restores: the newest revisions together count every match exactly once, revisions only grow."""
    rng, s, now, at = random.Random(seed), Suppression(limit=3), 0, START
    newest: dict[str, Alert] = {}
    saved: dict[str, bytes] = {}
    for number, jump in enumerate(jumps):
        at += jump * SECOND
        now += rng.randint(0, 6) * SECOND
        told = take(s, number, at, now, f"203.0.113.{rng.randint(1, 4)}")
        if rng.random() < 0.3:
            told += s.tick(at - 5 * MINUTE, now)
        if rng.random() < 0.3:
            for id, state in s.changes():
                saved.pop(id, None)
                if state is not None:
                    saved[id] = state
            s = Suppression(limit=3)
            s.restore(saved.items())
        for alert in told:
            assert alert.id not in newest or alert.revision > newest[alert.id].revision
            newest[alert.id] = alert
    for alert in s.flush(now):
        newest[alert.id] = alert
    assert sum(a.count for a in newest.values()) == len(jumps)
    assert all(len(a.evidence) <= 10 and msgspec.json.encode(a) for a in newest.values())
