"""A day in the province: reproducible, in order, understood line by line, quiet without attacks, five incidents with them."""

from collections import Counter
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from collector.normalize import Normalizer
from collector.recipe import Profile
from correlator.compile import compile_rules
from correlator.detection import Detection
from correlator.load import load
from correlator.match import Matcher
from correlator.rule import Compiled
from correlator.rulefiles import files
from daemon.load import load_systems
from model import Alert, Event, Incident, RawRecord, System
from model.moment import DAY, HOUR, SECOND, from_datetime
from notifier import legal
from notifier.grouping import Grouping
from province.attacks import ATTACKS, CUT_AT, CUT_HOST, victim_of_ransomware
from province.day import Day
from province.line import Line
from province.places import FILES, HOSTS

ROOT = Path(__file__).parents[2]
DATE = from_datetime(datetime.fromisoformat("2026-11-20T00:00:00+07:00"))
SCALE = 0.02


@lru_cache(maxsize=1)
def systems() -> tuple[System, ...]:
    return load_systems(ROOT / "config" / "systems.yml")


@lru_cache(maxsize=1)
def compiled() -> Compiled:
    return compile_rules(load(files([ROOT / "rules"])))


@lru_cache(maxsize=4)
def lines(seed: int = 7, scale: float = SCALE, attacks: bool = True) -> tuple[Line, ...]:
    return tuple(Day(seed, DATE, scale, attacks=attacks))


def profiles() -> dict[str, Profile]:
    return {n: Profile(n, format=f.format, system=f.system, logsource=f.logsource, host=f.host) for n, f in FILES.items()}


def understand(day: tuple[Line, ...]) -> list[tuple[Line, Event]]:
    """Each event with the line that completed it."""
    normalizer = Normalizer(profiles(), systems())
    found = []
    for number, line in enumerate(day):
        record = RawRecord(line.channel.removeprefix("file:"), str(number), line.text.encode(), line.at)
        events = normalizer.understand(record) + normalizer.tick(line.at)
        found += [(line, event) for event in events]
    return found + [(day[-1], event) for event in normalizer.tick(day[-1].at + DAY)]


def watch(day: tuple[Line, ...]) -> list[Alert]:
    """The newest revision of every alert of the day, in order of the first."""
    detection, last = Detection(Matcher(compiled()), systems(), wall=False), dict[str, Alert]()
    ticked = 0
    for line, event in understand(day):
        detection.observe(event, line.at, line.at)
        if line.at - ticked > 30 * SECOND:
            detection.tick(line.at)
            ticked = line.at
        last |= {alert.id: alert for alert in detection.drain()}
    detection.flush(day[-1].at)
    return list((last | {alert.id: alert for alert in detection.drain()}).values())


def group(alerts: list[Alert]) -> list[Incident]:
    law = ROOT / "config" / "legal" / "VN-2026.yml"
    grouping = Grouping(legal=legal.parse(law.read_text("utf-8"), str(law)), systems=systems())
    found: dict[str, Incident] = {}
    for alert in alerts:
        if incident := grouping.observe(alert):
            found[incident.id] = incident
    return list(found.values())


def check_quiet(alerts: list[Alert]) -> None:
    loud = [(a.level, a.title, a.entities) for a in alerts if a.level not in ("low", "informational")]
    assert loud == []


def check_attacks(alerts: list[Alert], seed: int = 7) -> None:
    """Every attack's rules alerted; each attack is one incident, and there are no others."""
    raised = {alert.rule for alert in alerts}
    for attack in ATTACKS:
        assert set(attack.rules) <= raised, f"{attack.name}: {set(attack.rules) - raised} raised nothing"
    incidents = group(alerts)
    assert len(incidents) == len(ATTACKS), [i.title for i in incidents]
    account, pc = victim_of_ransomware(seed)
    assert any({(e.kind, e.value) for e in i.entities} >= {("user", account), ("host", pc.lower())} for i in incidents)
    for attack in ATTACKS:
        owners = [i for i in incidents if {line.rule for line in i.alerts} & set(attack.rules)]
        about = [i for i in owners if {(e.kind, e.value) for e in i.entities} >= set(attack.entities)]
        assert len(owners) == 1 and about == owners, f"{attack.name} is in {len(owners)} incidents"
        assert set(attack.rules) <= {line.rule for line in owners[0].alerts}


def test_same_seed_same_bytes() -> None:
    """The same seed, date and scale give the same lines; another seed gives others."""

    def digest(seed: int) -> str:
        return sha256("\n".join(f"{x.at} {x.channel} {x.host} {x.text}" for x in Day(seed, DATE, 0.01)).encode()).hexdigest()

    assert digest(3) == digest(3)
    assert digest(3) != digest(4)


def test_lines_are_in_order_and_of_the_day() -> None:
    """Times never go back and stay between midnight and midnight."""
    times = [line.at for line in lines()]
    assert times == sorted(times)
    assert times[0] >= DATE and times[-1] < DATE + DAY


def test_attacks_leave_the_honest_lines_alone() -> None:
    """With attacks the honest lines are the same, but for what the cut-off host can no longer say."""
    honest = [x for x in lines() if not x.attack]
    quiet = [x for x in lines(attacks=False) if not (x.host == CUT_HOST and x.at > DATE + CUT_AT)]
    assert honest == quiet
    assert {x.attack for x in lines() if x.attack} == {attack.name for attack in ATTACKS}


def test_attacks_share_no_hour() -> None:
    """Two attacks are at least an hour apart, and share no entity."""
    starts = sorted(attack.start for attack in ATTACKS)
    assert all(b - a >= HOUR for a, b in pairwise(starts))
    shared = Counter(entity for attack in ATTACKS for entity in attack.entities)
    assert max(shared.values()) == 1


def test_working_day_rhythm() -> None:
    """Mornings are busy, noon dips, nights are low."""
    hours = Counter((x.at - DATE) // HOUR for x in lines(scale=0.1))
    assert min(hours[h] for h in (8, 9, 10, 14, 15)) > 1.3 * hours[12]
    assert hours[12] > hours[3]


def test_every_line_is_understood() -> None:
    """Each line is parsed by the parser meant for it, its time and machine found, and its system known."""
    formats = set()
    for line, event in understand(lines()):
        assert "unparsed" not in event.tags, line.text
        assert "format:unexpected" not in event.tags, line.text
        assert abs(event.happened_at - line.at) <= 5 * SECOND, (event.format, line.text)
        assert event.host.partition(".")[0] == line.host or event.format == "auditd", (event.host, line.text)
        assert event.system, line.text
        assert event.format != "keyvalue", line.text
        if event.format == "json":
            assert line.channel in ("file:cttdt-cms", "file:cttdt-fim"), line.text
        formats.add(event.format)
    expected = (
        "nginx_access nginx_error modsecurity portal apache_access apache_error wso2 postfix dovecot keycloak slapd pgaudit"
    )
    expected += " windows sshd sudo pam auditd fortigate openvpn squid unbound syslog json"
    assert formats >= set(expected.split()) - {"apache_error"}


def test_quiet_day_is_quiet() -> None:
    """A day without attacks, with all its scanners, spam and typing errors, raises nothing above low."""
    check_quiet(watch(lines(attacks=False)))


def test_each_attack_is_one_incident() -> None:
    """Every attack's expected rules alert, and each attack ends as exactly one incident."""
    check_attacks(watch(lines()))


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "scale"), [(1, 0.1), (2, 0.1), (3, 0.6)])
def test_busier_days_of_other_seeds(seed: int, scale: float) -> None:
    """What holds for one small day holds for others, with up to thirty times its people."""
    check_quiet(watch(lines(seed, scale, False)))
    check_attacks(watch(lines(seed, scale)), seed)


def test_scale_scales() -> None:
    """Ten times the scale is about ten times the people's lines; machines' own lines stay."""
    small, large = len(lines(attacks=False)), len(lines(scale=0.2, attacks=False))
    assert 2 < large / small < 10


def test_expected_rules_exist() -> None:
    """Every rule an attack expects is in rules/, and raises alerts of its own."""
    final = {str(list(yaml.safe_load_all(f.read_text("utf-8")))[-1]["id"]) for f in (ROOT / "rules").rglob("*.yml")}
    assert {rule for attack in ATTACKS for rule in attack.rules} <= final


def test_register_knows_the_machines() -> None:
    """Every host of the generator belongs to a system, and every expected source is one that talks."""
    events = [event for _, event in understand(lines())]
    seen = {(event.host.lower(), event.format) for event in events}
    for system in systems():
        for expected in system.expected:
            assert (expected.host, expected.format) in seen, f"{system.code}: nothing from {expected.host}/{expected.format}"
    assert set(FILES) == {source for system in systems() for source in system.sources}
    assert {f.host for f in FILES.values()} <= set(HOSTS)


def test_nothing_points_to_a_real_place() -> None:
    """Addresses outside are of the documentation networks, names end in .example."""
    outside = ("203.0.113.", "198.51.100.", "192.0.2.", "2001:db8:", "10.")
    for line in lines():
        if line.channel in ("file:dvc-access", "file:cttdt-access", "file:lgsp-access"):
            assert line.text.startswith(outside), line.text
        assert ".gov.vn" not in line.text and ".com.vn" not in line.text
