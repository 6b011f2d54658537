"""Our own rules, each by the test beside it: raw lines as received → Normalizer → matcher → windows → alerts."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

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
from model import RawRecord
from model.moment import DAY, HOUR, MINUTE, SECOND, Micros, from_datetime
from province.places import FILES
from province.rhythm import bsd, clf, ctime, iso, plain, utc

RULES = Path(__file__).parents[2] / "rules"
FIRST = from_datetime(datetime.fromisoformat("2026-11-20T09:30:00+07:00"))
UNITS = {"ms": 1000, "s": SECOND, "m": MINUTE, "h": HOUR}
PROFILES = {
    **{name: Profile(name, format=f.format, system=f.system, logsource=f.logsource, host=f.host) for name, f in FILES.items()}
}
RULE_FILES = sorted(RULES.rglob("*.yml"))


@lru_cache(maxsize=1)
def compiled() -> Compiled:
    return compile_rules(load(files([RULES])))


def micros(text: str) -> Micros:
    number = text.rstrip("mhs")
    return int(number) * UNITS[text[len(number) :]]


def records(lines: list[dict[str, Any]]) -> Iterator[RawRecord]:
    """What the lines of one case become on the wire, times and numbers filled in."""
    at, serial = FIRST, 0
    for line in lines:
        assert set(line) <= {"via", "times", "step", "text"}, f"unknown key in {line}"
        for n in range(line.get("times", 1)):
            if serial:
                at += micros(line.get("step", "1s"))
            serial += 1
            yield RawRecord(line["via"].removeprefix("file:"), str(serial), fill(line["text"], at, n).encode(), at, "10.20.0.9")


def fill(text: str, at: Micros, number: int) -> str:
    """``@{…}`` → the time as that log writes it, or the number of the repetition."""
    tokens = {
        "bsd": bsd(at),
        "clf": clf(at),
        "iso": iso(at),
        "utc": utc(at),
        "plain": plain(at),
        "date": plain(at)[:10],
        "time": plain(at)[11:],
        "ctime": ctime(at),
        "s": str(at // SECOND),
        "ms": str(at // 1000),
        "n": str(number),
        "serial": str(at // SECOND % 100_000),
    }
    for token, value in tokens.items():
        text = text.replace(f"@{{{token}}}", value)
    assert "@{" not in text, f"unknown token in {text}"
    return text


def alerted(lines: list[dict[str, Any]]) -> tuple[set[str], list[str]]:
    """(ids of rules that raised an alert, formats understood) for the lines of one case."""
    normalizer = Normalizer({**PROFILES, "syslog": Profile("syslog"), "http": Profile("http")}, [])
    detection = Detection(Matcher(compiled()), wall=False)
    formats, at = [], FIRST
    for record in records(lines):
        at = record.received_at
        for event in normalizer.understand(record):
            formats.append(event.format)
            detection.observe(event, at, at)
    for event in normalizer.tick(at + DAY):
        formats.append(event.format)
        detection.observe(event, at, at)
    detection.flush(at)
    return {alert.rule for alert in detection.drain()}, formats


def documents(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text("utf-8")))


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda f: f.stem)
def test_rule_does_what_its_test_says(file: Path) -> None:
    """Each rule alerts on every ``match`` case and on no ``no_match`` case, from raw lines, and every line is understood."""
    beside = file.with_suffix("").with_suffix(".test.yaml")
    assert beside.is_file(), f"{file.name} has no test beside it: write {beside.name}"
    cases = yaml.safe_load(beside.read_text("utf-8"))
    assert set(cases) == {"match", "no_match"} and cases["match"] and cases["no_match"], f"{beside.name}: match and no_match"
    rule = str(documents(file)[-1]["id"])
    for kind, expected in (("match", True), ("no_match", False)):
        for case in cases[kind]:
            ids, formats = alerted(case["lines"])
            assert formats and not {"unparsed", "json", "keyvalue"} & set(formats) - formats_allowed(case), (case["why"], formats)
            assert (rule in ids) is expected, f"{beside.name}: {kind}: {case['why']}"


def formats_allowed(case: dict[str, Any]) -> set[str]:
    """``json`` is right where the file's profile says so (CMS audit, file integrity)."""
    return {FILES[line["via"][5:]].format for line in case["lines"] if line["via"].startswith("file:")}


def test_rules_all_run() -> None:
    """The matcher refuses none of our rules and has nothing to say against one."""
    assert [str(r) for r in (*compiled().refused, *compiled().warnings)] == []
    assert len(RULE_FILES) >= 30


def test_rules_are_complete() -> None:
    """Every rule says in both languages what it is and what to do, by whom and when it was written, and has its own id."""
    seen: set[str] = set()
    for file in RULE_FILES:
        parts = documents(file)
        for part in parts:
            assert part["author"] == "Vọng Gác" and part["date"] and part["falsepositives"] and part["description"]
            assert part["id"] not in seen, f"{file.name}: id used twice"
            seen.add(part["id"])
        final = parts[-1]
        assert final["title_vi"] and final["response"]["vi"].strip() and final["response"]["en"].strip(), file.name
        assert final["level"] != "informational"
        assert all(part["level"] == "informational" for part in parts[:-1]), f"{file.name}: only the last document raises alerts"


def test_rows_have_rules() -> None:
    """Each of the eight systems, and the centre itself, has three rules or more."""
    count = {folder.name: len(list(folder.glob("*.yml"))) for folder in RULES.iterdir() if folder.is_dir()}
    assert set(count) == {"portal", "web", "lgsp", "mail", "sso", "csdl", "servers", "edge", "soc"}
    assert min(count.values()) >= 3


@pytest.mark.shared
def test_tags_are_in_use_elsewhere() -> None:
    """Every ATT&CK tag of ours is one that SigmaHQ uses too: none is misspelt or withdrawn."""
    theirs = Path(__file__).parents[3] / "shared" / "sigma"
    if not theirs.is_dir():
        pytest.skip("the SigmaHQ rules are not beside this checkout")
    text = "\n".join(f.read_text("utf-8") for folder in theirs.glob("rules*") for f in folder.rglob("*.yml"))
    known = {line.strip()[2:] for line in text.splitlines() if line.strip().startswith("- attack.")}
    ours = {tag for file in RULE_FILES for part in documents(file) for tag in part.get("tags", ())}
    assert ours <= known
