"""Windows against an oracle that sees all matches at once."""

import random
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.alerts import Trace
from correlator.rule import Correlation
from correlator.windows import Firing, Limits, Windows
from correlator.windows_route import Match
from model import Micros, RuleError

LATENESS = 50
SPAN = 20


def correlation(type: str = "event_count", condition: tuple[str, int] = ("gte", 3), **more: object) -> Correlation:
    base: dict[str, object] = {
        "id": "c",
        "name": "c",
        "title": "C",
        "level": "high",
        "type": type,
        "rules": ("a", "b", "c2")[: condition[1]] if type.startswith("temporal") else ("a",),
        "group_by": ("user",),
        "timespan": SPAN,
        "condition": condition,
        "field": ("ip",) if type == "value_count" else (),
        "file": "c.yml",
        "line": 1,
    }
    return Correlation(**(base | more))  # type: ignore[arg-type]


def match(at: Micros, number: int = 0, *, rank: int = 0, key: str = "an", value: str = "", index: int = 0) -> Match:
    event = f"{number:032x}"
    trace = Trace(event, at, at, at, "s", "h", (("user", key),), f"line {number}")
    return Match(index, rank, event, at, (key,), value or str(rank), trace)


class Told:
    """What an analyst would know in the end: alert id → its episode, merged alerts gone."""

    def __init__(self) -> None:
        self.alerts: dict[str, tuple[tuple[str, ...], int, Micros, Micros]] = {}
        self.events: dict[str, set[str]] = defaultdict(set)
        self.opened: list[str] = []

    def hear(self, firings: list[Firing]) -> None:
        for f in firings:
            if f.change == "merged":
                del self.alerts[f.id]
                self.events[f.into] |= self.events.pop(f.id)
                continue
            if f.change == "opened":
                assert f.id not in self.alerts, "an alert opened twice"
                self.opened.append(f.id)
            self.alerts[f.id] = (f.key, f.count, f.first_at, f.last_at)
            self.events[f.id] |= {t.event for t in f.traces}

    def final(self) -> set[tuple[tuple[str, ...], int, Micros, Micros, frozenset[str]]]:
        return {(*told, frozenset(self.events[id])) for id, told in self.alerts.items()}


def run(windows: Windows, arrivals: list[Match], tick: bool = True) -> Told:
    told, top = Told(), 0
    for m in arrivals:
        top = max(top, m.at)
        told.hear(windows.observe(m, top - LATENESS))
        if tick:
            windows.tick(top - LATENESS)
    return told


def oracle(c: Correlation, matches: list[Match]) -> set[tuple[tuple[str, ...], int, Micros, Micros, frozenset[str]]]:
    """Episodes by definition, in quadratic time."""
    groups: dict[tuple[str, ...], list[Match]] = defaultdict(list)
    for m in matches:
        groups[m.key].append(m)
    found = set()
    for key, rows in groups.items():
        rows.sort(key=lambda m: (m.at, m.rank, m.event))
        while (start := next((i for i, m in enumerate(rows) if holds(c, rows, m.at)), None)) is not None:
            end = start
            while end + 1 < len(rows) and rows[end + 1].at - rows[end].at <= c.timespan:
                end += 1
            inside = rows[start : end + 1]
            found.add((key, len(inside), inside[0].at, inside[-1].at, frozenset(m.event for m in inside)))
            rows = rows[end + 1 :]
    return found


def holds(c: Correlation, rows: list[Match], since: Micros) -> bool:
    window = [m for m in rows if since <= m.at <= since + c.timespan]
    if c.type == "event_count":
        return len(window) >= c.condition[1]
    if c.type != "temporal_ordered":
        return len({m.value for m in window}) >= c.condition[1]
    reached, at = 0, -1
    while reached < len(c.rules):
        following = next((m for m in window if m.rank == reached and m.at >= at), None)
        if following is None:
            return False
        reached, at = reached + 1, following.at
    return True


KINDS = [
    correlation("event_count", ("gte", 3)),
    correlation("value_count", ("gte", 3)),
    correlation("temporal", ("gte", 2)),
    correlation("temporal_ordered", ("gte", 2)),
    correlation("temporal_ordered", ("gte", 3)),
]


@st.composite
def arrivals(draw: st.DrawFn) -> list[Match]:
    """Matches of up to two groups in an order of arrival that is late by less than LATENESS."""
    size = draw(st.integers(1, 40))
    far = draw(st.sampled_from([60, 200, 600]))
    made = []
    for number in range(size):
        at = 1_000 + draw(st.integers(0, far))
        rank = draw(st.integers(0, 2))
        key = draw(st.sampled_from(["an", "an", "an", "binh"]))
        made.append((at + draw(st.integers(0, LATENESS)), number, match(at, number, rank=rank, key=key)))
    return [m for _, _, m in sorted(made, key=lambda row: row[:2])]


@pytest.mark.parametrize("c", KINDS, ids=lambda c: f"{c.type}-{c.condition[1]}")
@given(order=arrivals(), tick=st.booleans())
@settings(max_examples=80, deadline=None)
def test_order_of_arrival_changes_nothing(c: Correlation, order: list[Match], tick: bool) -> None:
    """Whatever the order within the lateness, the episodes are those of the definition: group, count, times, set of events."""
    usable = [m for m in order if m.rank < max(2, len(c.rules)) or c.type in ("event_count", "value_count")]
    assert run(Windows([c], LATENESS), usable, tick).final() == oracle(c, usable)


@pytest.mark.parametrize("c", KINDS, ids=lambda c: f"{c.type}-{c.condition[1]}")
@given(order=arrivals(), seed=st.integers(0, 2**32), cut=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_saved_state_goes_on_as_if_never_saved(c: Correlation, order: list[Match], seed: int, cut: float) -> None:
    """Changes saved at random moments and restored give the very same firings as an undisturbed run, ids included."""
    usable = [m for m in order if m.rank < max(2, len(c.rules)) or c.type in ("event_count", "value_count")]
    rng, saved, windows, fired, top = random.Random(seed), {}, Windows([c], LATENESS), [], 0
    undisturbed = Windows([c], LATENESS)
    expected = []
    for m in usable:
        top = max(top, m.at)
        expected += undisturbed.observe(m, top - LATENESS)
        fired += windows.observe(m, top - LATENESS)
        if rng.random() < 0.5:
            windows.tick(top - LATENESS)
        for name, state in windows.changes():
            saved[name] = state
        if rng.random() < cut:
            windows = Windows([c], LATENESS)
            assert windows.restore((n, s) for n, s in saved.items() if s is not None) == []
    assert fired == expected


def test_fires_with_the_match_that_makes_it_hold() -> None:
    """The third match in the span fires at once; the next one revises the same alert."""
    windows = Windows([correlation()], LATENESS)
    assert windows.observe(match(100, 1), 50) == []
    assert windows.observe(match(105, 2), 55) == []
    (opened,) = windows.observe(match(120, 3), 70)
    assert (opened.change, opened.count, opened.first_at, opened.last_at) == ("opened", 3, 100, 120)
    assert [t.excerpt for t in opened.traces] == ["line 1", "line 2", "line 3"]
    (more,) = windows.observe(match(140, 4), 90)
    assert (more.change, more.id, more.count) == ("extended", opened.id, 4)
    assert windows.observe(match(161, 5), 111) == [], "a gap of more than one timespan ends the episode"


def test_a_late_match_joins_two_alerts_into_the_earlier() -> None:
    """Two alerts that a late match bridges become the earlier one; the later one says where it went."""
    windows = Windows([correlation()], LATENESS)
    told = run(windows, [match(100 + i, i) for i in range(3)] + [match(140 + i, 10 + i) for i in range(3)], tick=False)
    first, second = told.opened
    merged, grown = windows.observe(match(121, 99), 92)
    assert (merged.change, merged.id, merged.into) == ("merged", second, first)
    assert (grown.id, grown.count, grown.last_at) == (first, 7, 142)


def test_too_late_matches_are_counted_and_still_join() -> None:
    """A match behind the watermark is counted as late; its group's state still takes it."""
    windows = Windows([correlation()], LATENESS)
    windows.observe(match(1000, 1), 950)
    windows.observe(match(1005, 2), 955)
    (fired,) = windows.observe(match(995, 3), 1000)
    assert windows.late == 1 and fired.count == 3


def test_a_correlation_may_look_at_another() -> None:
    """A firing is a match of the correlations that name it, by id or by name, under the aliased key."""
    inner = correlation(id="inner", name="spray", condition=("gte", 2))
    outer = correlation(
        "temporal", ("gte", 2), id="outer", name="o", rules=("spray", "login"), group_by=("who",),
        aliases=(("who", (("spray", "user"), ("login", "username"))),),
    )  # fmt: skip
    windows = Windows([inner, outer], LATENESS)
    windows.observe(match(100, 1), 50)
    (fired,) = windows.observe(match(101, 2), 51)
    assert fired.correlation == 0
    (route,) = windows.routes["login"]
    entered = route.match({"username": "AN"}.get, f"{3:032x}", 105, match(105, 3).trace)
    assert entered is not None
    (chained,) = windows.observe(entered, 55)
    assert (chained.correlation, chained.key, chained.count) == (1, ("an",), 2)


def test_groups_are_bounded_and_the_idle_go_first() -> None:
    """More groups than allowed: the one idle longest is dropped and counted, and its room given back."""
    windows = Windows([correlation()], LATENESS, Limits(groups=2))
    for number, key in enumerate(["a", "b", "a", "c"]):
        windows.observe(match(100, number, key=key), 50)
    assert windows.evicted == 1 and len(windows) == 2
    names = dict(windows.changes())
    assert sum(state is None for state in names.values()) == 1
    windows.tick(10_000)
    assert len(windows) == 0 and windows.room.bytes == 0


@pytest.mark.parametrize("kind", ["value_count", "temporal", "temporal_ordered"])
def test_a_flood_of_one_value_cannot_push_others_out(kind: str) -> None:
    """Ten thousand matches of one value keep a group within its bound, and the other value still counts."""
    c = correlation(kind, ("gte", 2), timespan=10**9)
    windows = Windows([c], LATENESS, Limits(floor=50, matches=50))
    windows.observe(match(1, 1, rank=0, value="0"), 0)
    flood = 0 if kind == "temporal_ordered" else 1
    c3 = correlation(kind, ("gte", 3), timespan=10**9, rules=("a", "b", "c"))
    bounded = Windows([c3], LATENESS, Limits(floor=50, matches=50))
    bounded.observe(match(1, 1, rank=0), 0)
    for number in range(2, 2_000):
        bounded.observe(match(number, number, rank=flood), 0)
    assert bounded.room.dropped > 1_500
    fired = bounded.observe(match(5_000, 5_000, rank=1 + (flood == 1)), 0)
    if flood == 0:
        fired = bounded.observe(match(5_001, 5_001, rank=2), 0)
    assert fired and fired[0].change == "opened"


def test_times_in_the_future_are_bounded_too() -> None:
    """Matches years ahead fire like any, but neither keep their group for ever nor pile up in it."""
    windows = Windows([correlation(condition=("gte", 1))], LATENESS)
    opened = sum(f.change == "opened" for n in range(200) for f in windows.observe(match(10**9 * (n + 1), n), 50))
    assert opened == 200 and windows.room.dropped > 150
    (real,) = windows.observe(match(101, 1_000), 51)
    assert real.change == "opened"
    assert windows.tick(51 + LATENESS + SPAN + 1) == 1


def test_a_repeat_of_a_waiting_match_is_nothing() -> None:
    """The same event of the same rule counts once."""
    windows = Windows([correlation(condition=("gte", 2))], LATENESS)
    assert windows.observe(match(100, 1), 50) == windows.observe(match(100, 1), 50) == []


def test_state_of_a_changed_correlation_is_refused() -> None:
    """State made under another definition is named for deletion, not used."""
    windows = Windows([correlation()], LATENESS)
    windows.observe(match(100, 1), 50)
    saved = [(name, state) for name, state in windows.changes() if state is not None]
    assert Windows([correlation(condition=("gte", 4))], LATENESS).restore(saved) == [saved[0][0]]


def test_unknown_kinds_are_refused() -> None:
    """A type, operator or timespan that cannot run is a RuleError that names the rule."""
    for wrong in (correlation("median"), correlation(condition=("around", 3)), correlation(timespan=0)):
        with pytest.raises(RuleError, match="cannot run"):
            Windows([wrong])


@pytest.mark.parametrize(
    ("condition", "fires_at"), [(("gt", 2), 3), (("eq", 2), 2), (("lte", 5), 1), (("lt", 2), 1), (("neq", 1), 2)]
)
def test_operators(condition: tuple[str, int], fires_at: int) -> None:
    """Each operator fires with the match that first meets it."""
    windows = Windows([correlation(condition=condition)], LATENESS)
    fired = [bool(windows.observe(match(100 + n, n), 50)) for n in range(1, 5)]
    assert fired.index(True) + 1 == fires_at
