"""The matcher agrees with the naive evaluator, whatever the rules, the events and what it remembers."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from correlator import lane, memory, oracle, patterns
from correlator import match as match_module
from correlator.compile import compile_rules
from correlator.load import load
from correlator.match import Compiled, Matcher
from model import Event, LogSource

FIELDS = ["a", "b", "c.d", "e"]
TEXT = st.text(alphabet="abAB*?\\-/1.é Đđ\n", max_size=6)
SCALAR = st.one_of(TEXT, st.integers(-3, 12), st.booleans(), st.none(), st.sampled_from([1.0, 2.5, "10.0.0.7", "a" * 2000]))
VALUE = st.one_of(SCALAR, st.lists(SCALAR, max_size=3), st.dictionaries(st.sampled_from(["d", "x"]), SCALAR, max_size=2))
EVENT = st.dictionaries(st.sampled_from([*FIELDS, "c", "other"]), VALUE, max_size=5)
RE = st.sampled_from(["a+b?", "^a", "b$", "[ab]{2}", ".1", "(a|b)1", "A.B", "đ", "\\d", "-"])
ITEM = st.one_of(
    st.tuples(st.sampled_from(["", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|neq"]), TEXT),
    st.tuples(st.sampled_from(["|contains|all", "|contains", "", "|windash|contains"]), st.lists(TEXT, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["|re", "|re|i", "|re|s", "|re|m"]), RE),
    st.tuples(st.sampled_from(["", "|lt", "|gte"]), st.integers(-3, 12)),
    st.tuples(st.just("|exists"), st.booleans()),
    st.tuples(st.just("|fieldref"), st.sampled_from(FIELDS)),
    st.tuples(st.just(""), st.sampled_from([None, True, False, [None, "a"]])),
    st.tuples(st.just("|cidr"), st.just("10.0.0.0/8")),
)
MAPPING = st.dictionaries(st.sampled_from(FIELDS), ITEM, min_size=1, max_size=3).map(
    lambda found: {field + modifiers: value for field, (modifiers, value) in found.items()}
)
ANY = LogSource(product="p")
KEYWORDS = st.lists(TEXT.filter(bool), min_size=1, max_size=2)
DETECTION = st.one_of(MAPPING, st.lists(MAPPING, min_size=1, max_size=2), KEYWORDS)
CONDITION = st.sampled_from(
    [
        "s",
        "not s",
        "s and t",
        "s or t",
        "s and not t",
        "1 of them",
        "all of them",
        "not (s or t)",
        "not s and not t",
        "s or not t",
    ]
)
RULE = st.tuples(DETECTION, DETECTION, CONDITION)


def compiled_of(rules: list[tuple[Any, Any, str]]) -> Compiled:
    written = [
        json.dumps(
            {
                "title": f"rule {number}",
                "id": f"00000000-0000-4000-8000-{number:012d}",
                "logsource": {"product": "p"},
                "detection": {"s": s, "t": t, "condition": condition},
            }
        )
        for number, (s, t, condition) in enumerate(rules)
    ]
    return compile_rules(load([(f"{number}.yml", text.encode()) for number, text in enumerate(written)]))


def event(fields: dict[str, Any], source: LogSource = ANY) -> Event:
    return Event("", "", 0, 0, "", "json", source, fields=fields)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RULE, min_size=1, max_size=6), st.lists(EVENT, min_size=1, max_size=12))
def test_agrees_with_the_naive_evaluator(rules: list[tuple[Any, Any, str]], events: list[dict[str, Any]]) -> None:
    """Same verdicts as the oracle: with Hyperscan and without, at first sight and from memory."""
    compiled = compiled_of(rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patterns, "hyperscan", None)
        plain = compiled_of(rules)
    assert plain.rules == compiled.rules
    matchers = [Matcher(compiled), Matcher(plain)]
    for fields in [*events, *events]:
        wanted = tuple(oracle.evaluate(compiled, event(fields)))
        for matcher in matchers:
            assert matcher.match(event(fields)) == wanted, (fields, compiled.refused)


@settings(max_examples=30, deadline=None)
@given(st.lists(RULE, min_size=1, max_size=4), st.lists(EVENT, min_size=1, max_size=12))
def test_forgetting_changes_nothing(rules: list[tuple[Any, Any, str]], events: list[dict[str, Any]]) -> None:
    """With room for next to nothing the verdicts are the same."""
    compiled = compiled_of(rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "STATES", 2)
        patch.setattr(memory, "VALUE_BYTES", 300)
        patch.setattr(match_module, "OUTCOMES", 1)
        patch.setattr(lane, "WIDE", 1)
        patch.setattr(lane, "LEARN_AT", frozenset((1, 2, 3)))
        matcher = Matcher(compiled)
        for fields in [*events, *events]:
            assert matcher.match(event(fields)) == tuple(oracle.evaluate(compiled, event(fields)))


def test_log_source_decides_what_is_tried() -> None:
    """A rule meets only events of its product, category and service; what it leaves open fits all."""
    sources = ["{product: w}", "{category: c2}", "{product: w, category: c1}", "{service: s}", "{product: W, service: other}"]
    rules = [
        f"title: r{n}\nid: 00000000-0000-4000-8000-{n:012d}\nlogsource: {source}\ndetection:\n  s: {{a: x}}\n  condition: s\n"
        for n, source in enumerate(sources)
    ]
    compiled = compile_rules(load([(f"{n}.yml", text.encode()) for n, text in enumerate(rules)]))
    matcher = Matcher(compiled)
    assert matcher.match(event({"a": "x"}, LogSource("w", ("c1", "c2"), "s"))) == (0, 1, 2, 3)
    assert matcher.match(event({"a": "x"}, LogSource("w", ("c1",), "other"))) == (0, 2, 4)
    assert matcher.match(event({"a": "x"}, LogSource("linux", (), ""))) == ()
    lenient = Matcher(compiled, lenient=True)
    told, half, untold = (
        Event("", "", 0, 0, "", form, source, fields={"a": "x"})
        for form, source in [
            ("cef", LogSource("w", ("c1",), "other")),
            ("cef", LogSource("w")),
            ("json", LogSource("shop", (), "w")),
        ]
    )
    assert lenient.match(told) == (0, 2, 4)
    assert lenient.match(half) == lenient.match(untold) == (0, 1, 2, 3, 4)


def test_true_and_one_stay_apart_in_memory() -> None:
    """1, 1.0 and True are one key in Python and not one value in Sigma."""
    compiled = compiled_of([({"a": 1}, {"b": 1}, "s"), ({"a": True}, {"b": 1}, "s")])
    matcher = Matcher(compiled)
    for value, wanted in [(1, (0,)), (True, (1,)), (1.0, (0,)), ("1", (0,)), (True, (1,)), (1, (0,)), ("true", (1,)), (0, ())]:
        assert matcher.match(event({"a": value})) == wanted


def test_memory_is_bounded() -> None:
    """Values that never come twice, log sources that somebody invents and long values fill no memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "VALUE_BYTES", 20_000)
        patch.setattr(match_module, "LANES", 50)
        matcher = Matcher(compiled_of([({"a|contains": "x"}, {"b": "y"}, "s or t")]))
        for number in range(2_000):
            matcher.match(event({"a": f"value {number}", "b": "z" * 5_000}, LogSource(product="p", service=f"s{number}")))
    assert len(matcher._lanes) <= 50
    assert all(len(memo) < 2_000 and "z" * 5_000 not in memo for memo in matcher._memos.values())


def test_hostile_values_take_linear_time() -> None:
    """A megabyte in one field, and thousands of fields, are matched like anything else."""
    matcher = Matcher(compiled_of([({"a|re": "(a|b)+c"}, {"b|contains": "x*y*z*w"}, "s or t"), (["needle*x"], {"b": "y"}, "s")]))
    assert matcher.match(event({"a": "ab" * 500_000, "b": "xyz" * 300_000})) == ()
    assert matcher.match(event({f"f{n}": "needle and x" for n in range(20_000)})) == (1,)
