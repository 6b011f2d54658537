"""On the whole of SigmaHQ: its regression events fire, and the matcher says what the naive evaluator says."""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from collector.parsers.windows import from_document
from collector.recipe import Context
from correlator import oracle
from correlator.cache import load_or_compile
from correlator.match import Compiled, Matcher
from model import Event

SHARED = Path(__file__).parents[2] / "../shared"
SIGMA = SHARED / "sigma"
CONTEXT = Context(received_at=0, zone="Asia/Ho_Chi_Minh", peer="")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.slow,
    pytest.mark.skipif(not SIGMA.is_dir(), reason="no ../shared/sigma beside the checkout"),
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folders = [SIGMA / name for name in ("rules", "rules-emerging-threats", "rules-threat-hunting")]
    return load_or_compile(folders, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def matcher(compiled: Compiled) -> Matcher:
    return Matcher(compiled)


def event(document: dict[str, Any]) -> Event:
    parsed = from_document(document, CONTEXT)
    return Event("", "", 0, 0, "", "windows", parsed.logsource, fields=parsed.fields)


def documents(text: str) -> Iterator[dict[str, Any]]:
    """JSON documents one after another, some in a list."""
    decoder, place = json.JSONDecoder(), 0
    while (place := len(text) - len(text[place:].lstrip())) < len(text):
        found, place = decoder.raw_decode(text, place)
        yield from found if isinstance(found, list) else (found,)


def test_all_rules_load(compiled: Compiled) -> None:
    """Every rule loads; the two with a placeholder that nobody filled are refused by name and place."""
    assert len(compiled.rules) + len(compiled.refused) == 3754
    assert all("%known_cdcs%" in problem.message and problem.line > 1 for problem in compiled.refused), compiled.refused
    assert len(compiled.refused) == 2


def test_regression_events_fire(compiled: Compiled, matcher: Matcher) -> None:
    """The events SigmaHQ keeps for a rule make that rule hold."""
    places = {rule.id: place for place, rule in enumerate(compiled.rules)}
    silent, cases = [], 0
    for info in sorted(SIGMA.glob("regression_data/**/info.yml")):
        described = yaml.safe_load(info.read_text("utf-8"))
        for case in described["regression_tests_info"]:
            held: set[int] = set()
            for document in documents((SIGMA / case["path"]).with_suffix(".json").read_text("utf-8")):
                held.update(matcher.match(event(document)))
            cases += 1
            silent += [rule["title"] for rule in described["rule_metadata"] if places[rule["id"]] not in held]
    assert cases > 100
    assert not silent


def test_agrees_on_real_events(compiled: Compiled, matcher: Matcher) -> None:
    """On real events, among them many that fire, all rules agree with the naive evaluator."""
    with gzip.open(SHARED / "events/windows-otrf.jsonl.gz") as lines:
        events = [event(msgspec.json.decode(line)) for line in lines]
    firing = [one for one in events if matcher.match(one)]
    assert len(firing) > 500
    chance = random.Random(20261121)
    for one in chance.sample(events, 150) + chance.sample(firing, 100):
        assert list(matcher.match(one)) == oracle.evaluate(compiled, one)
