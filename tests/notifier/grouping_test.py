"""Alerts become incidents."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from model import Alert, Incident
from model.moment import DAY, HOUR, MINUTE

LEVELS = ("informational", "low", "medium", "high", "critical")
NAMES = ("ip:203.0.113.5", "ip:198.51.100.7", "user:lan", "host:web01", "host:srv01", "user:root", "ip:10.0.0.9", "token:t1")


def observed(grouping: Any, alerts: list[Alert]) -> dict[str, Incident]:
    """The newest revision of every incident."""
    return {i.id: i for a in alerts if (i := grouping.observe(a))}


@st.composite
def streams(draw: Any) -> list[tuple[str, tuple[str, ...], str, int, int]]:
    """(id, entities, level, time, revision), ids repeated with ever newer revisions, as the loop hands them over."""
    one = st.tuples(
        st.sampled_from([f"a{i}" for i in range(12)]),
        st.lists(st.sampled_from(NAMES), max_size=3).map(tuple),
        st.sampled_from(LEVELS),
        st.integers(0, 3 * DAY),
        st.integers(1, 3),
    )
    newest: dict[str, int] = {}
    stream = []
    for name, entities, level, at, step in draw(st.lists(one, max_size=40)):
        newest[name] = newest.get(name, 0) + step
        stream.append((name, entities, level, at, newest[name]))
    return stream


@pytest.fixture
def build(alert: Any) -> Any:
    return lambda s: [alert(n, *e, level=lv, at=t, revision=r) for n, e, lv, t, r in s]


SAFE = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@SAFE
@given(stream=streams(), cut=st.integers(0, 40))
def test_restart_changes_nothing(stream: Any, cut: int, build: Any, grouping: Any) -> None:
    """Saving and restoring anywhere gives the same incidents, revision by revision, as never stopping."""
    alerts = build(stream)
    whole, first, second = grouping(), grouping(), grouping()
    expected = [whole.observe(a) for a in alerts]
    kept: dict[str, bytes] = {}
    got = []
    for alert in alerts[:cut]:
        got.append(first.observe(alert))
        if got[-1]:
            kept[got[-1].id] = first.saved(got[-1].id)
        for gone in first.closed():
            del kept[gone]
    second.restore(kept.values(), first.mark())
    got += [second.observe(a) for a in alerts[cut:]]
    assert got == expected


@SAFE
@given(stream=streams())
def test_no_alert_is_lost(stream: Any, build: Any, grouping: Any) -> None:
    """Every alert of at least medium is in exactly one open incident, at its newest revision."""
    alerts = build(stream)
    incidents = observed(grouping(lateness=10 * DAY), alerts)
    homes = [line.id for i in incidents.values() for line in i.alerts]
    assert len(homes) == len(set(homes))
    assert {a.id for a in alerts if a.level in LEVELS[2:]} <= set(homes)


@SAFE
@given(stream=streams())
def test_first_detection_stands_and_grade_never_falls(stream: Any, build: Any, grouping: Any) -> None:
    """T0 never changes, revisions grow by one, severity only becomes graver."""
    core, before = grouping(), {}
    for alert in build(stream):
        incident = core.observe(alert)
        if incident and incident.id in before:
            old = before[incident.id]
            assert incident.detected_at == old.detected_at
            assert incident.revision == old.revision + 1
            assert incident.severity <= old.severity
        if incident:
            before[incident.id] = incident


def test_shared_entity_within_the_window_is_one_incident(alert: Any, grouping: Any) -> None:
    """Alerts that share an entity within four hours are one incident; what it learns links on."""
    found = observed(
        grouping(),
        [
            alert("a", "ip:203.0.113.5", "host:web01"),
            alert("b", "host:WEB01.", "user:lan", at=3 * HOUR),
            alert("c", "user:lan", at=6 * HOUR),
            alert("d", "user:lan", at=11 * HOUR),
        ],
    )
    assert [[line.id for line in i.alerts] for i in found.values()] == [["a", "b", "c"], ["d"]]


def test_old_revision_changes_nothing(alert: Any, grouping: Any) -> None:
    """The same or an older revision of an alert gives no incident; a newer one updates its line in place."""
    core = grouping()
    core.observe(alert("a", "user:lan", revision=2))
    assert core.observe(alert("a", "user:lan", revision=2)) is None
    assert core.observe(alert("a", "user:lan")) is None
    newer = core.observe(alert("a", "user:lan", revision=3, count=9))
    assert [(line.id, line.count) for line in newer.alerts] == [("a", 9)] and newer.revision == 2


def test_bridge_joins_the_oldest(alert: Any, grouping: Any) -> None:
    """An alert that bridges two incidents joins the older; no third one comes of it."""
    found = observed(grouping(), [alert("a", "user:lan"), alert("b", "host:srv01"), alert("c", "host:srv01", "user:lan")])
    assert [[line.id for line in i.alerts] for i in found.values()] == [["a", "c"], ["b"]]


def test_mild_alerts_only_support(alert: Any, grouping: Any) -> None:
    """A low alert opens nothing; it joins when two entities are shared, and neither links nor grades."""
    core = grouping()
    assert core.observe(alert("l0", "user:lan", level="low")) is None
    main = core.observe(alert("a", "user:lan", "ip:203.0.113.5", level="medium", systems=("web",)))
    assert core.observe(alert("l1", "user:lan", level="low")) is None
    joined = core.observe(alert("l2", "user:lan", "ip:203.0.113.5", "host:h9", level="low", tags=("attack.t1486",)))
    assert joined is not None and len(joined.alerts) == 2
    assert (joined.severity, joined.kind, joined.techniques) == (main.severity, main.kind, ())
    other = core.observe(alert("b", "host:h9"))
    assert other is not None and other.id != main.id


def test_shared_infrastructure_does_not_link(alert: Any, grouping: Any) -> None:
    """Service accounts, loopback and configured proxies never tie alerts together."""
    core = grouping(unlinkable=("ip:10.0.0.0/24", "user:svc-*", "host:proxy01"))
    names = ("user:root", "user:NT AUTHORITY\\SYSTEM", "ip:127.0.0.1", "ip:10.0.0.9", "user:SVC-backup", "host:proxy01")
    found = observed(core, [alert(f"{n}{i}", n, f"user:u{n}{i}") for n in names for i in range(2)])
    assert len(found) == 2 * len(names)


def test_busy_host_stops_linking(alert: Any, grouping: Any) -> None:
    """A host that alone ties ever new people together does not glue them all; a public attacker's address does."""
    alerts = [alert(f"a{i}", "host:web01", f"user:u{i}", at=i) for i in range(100)]
    sizes = [len(i.alerts) for i in observed(grouping(busiest=10, most_incidents=3), alerts).values()]
    assert max(sizes) <= 11 and sum(sizes) == 100
    attacker = [alert(f"b{i}", "ip:8.8.4.4", f"host:h{i}", at=i) for i in range(100)]
    assert len(observed(grouping(busiest=10), attacker)) == 1


def test_bounds(alert: Any, grouping: Any) -> None:
    """A full or too long incident is followed by a new one; too many open ones close the quietest; nothing is lost."""
    full = observed(grouping(most_alerts=10), [alert(f"a{i}", "user:lan", at=i) for i in range(25)])
    assert sorted(len(i.alerts) for i in full.values()) == [5, 10, 10]
    long = observed(grouping(longest=DAY), [alert(f"a{i}", "user:lan", at=i * 3 * HOUR) for i in range(17)])
    assert sorted(len(i.alerts) for i in long.values()) == [8, 9]
    core = grouping(most_open=3)
    assert len(observed(core, [alert(f"a{i}", f"user:u{i}", at=i) for i in range(10)])) == 10
    assert (core.open, core.crowded, len(core.closed())) == (3, 7, 7)


def test_hostile_times_do_not_keep_an_incident_open(alert: Any, grouping: Any) -> None:
    """An event of the year 9000 or 1970 neither closes what is open nor ties everything to itself."""
    core = grouping()
    home = core.observe(alert("a", "user:lan"))
    future = replace(alert("x", "user:minh", at=MINUTE), happened_at=2**57, last_at=2**57)
    core.observe(future)
    core.observe(replace(alert("y", "user:hoa", at=MINUTE), happened_at=0, last_at=0))
    again = core.observe(alert("b", "user:lan", at=2 * MINUTE))
    assert again is not None and again.id == home.id
    later = core.observe(alert("c", "user:minh", at=40 * HOUR))
    assert later is not None and "x" not in [line.id for line in later.alerts]


def test_late_revision_of_a_forgotten_alert_gets_its_own_id(alert: Any, grouping: Any) -> None:
    """A revision whose incident is long closed opens a new incident, never a second one under the old id."""
    core = grouping()
    old = core.observe(alert("a", "user:lan"))
    core.observe(alert("b", "user:minh", at=9 * DAY))
    new = core.observe(alert("a", "user:lan", at=9 * DAY, revision=2))
    assert old.id in core.closed() and new is not None and new.id != old.id


def test_words_say_what_and_why(alert: Any, grouping: Any) -> None:
    """Title and reason are one sentence in Vietnamese and English, naming place, actor and what is shared."""
    core = grouping()
    core.observe(alert("a", "ip:203.0.113.5", "host:web01", tags=("attack.t1190",)))
    incident = core.observe(alert("b", "ip:203.0.113.5", systems=("sso",), level="critical", tags=("attack.t1505.003",)))
    assert incident.kind == "unauthorised_access" and incident.severity == "M2"
    assert incident.techniques == ("T1190", "T1505.003") and incident.systems == ("dvc", "sso")
    vi, _, en = incident.title.partition(" / ")
    assert "Cổng dịch vụ công và 1 hệ thống khác" in vi and "địa chỉ 203.0.113.5" in vi and "Cảnh báo b" in vi
    assert "Public-service portal and 1 more" in en and "203.0.113.5" in en
    assert "địa chỉ 203.0.113.5" in incident.why and "share address 203.0.113.5" in incident.why


def test_source_cut_off_is_an_incident(alert: Any, grouping: Any) -> None:
    """A silent source, known only by its name, is an incident of its own that is reported."""
    core = grouping()
    incident = core.observe(alert("s", "source:nginx-dvc", level="medium"))
    assert incident is not None and core.sends(incident) and incident.severity == "M3"
    assert not core.sends(core.observe(alert("m", "user:hoa", level="medium", systems=("web",))))
