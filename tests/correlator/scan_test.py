"""Scanning a file gives one row a match."""

from correlator.compile import compile_rules
from correlator.load import load
from correlator.match import Matcher
from correlator.scan import Row, scan
from model import Event, LogSource

RULE = """title: {title}
id: 00000000-0000-4000-8000-00000000000{n}
name: r{n}
level: {level}
logsource: {{product: p}}
detection:
  s: {{'a|contains': {word}}}
  condition: s
"""
CHAIN = """title: chain
correlation:
  type: event_count
  rules: [r3]
  timespan: 1m
  condition: {gte: 2}
"""


def test_rows() -> None:
    """Rows come in the order of events, then rules; a rule that only a correlation uses gives none."""
    rules = [RULE.format(title=f"t{n}", n=n, level="high", word=word) for n, word in enumerate(["x", "y", "z", "x"])]
    matcher = Matcher(compile_rules(load([(f"{n}.yml", text.encode()) for n, text in enumerate([*rules, CHAIN])])))
    events = [Event("", "", 0, 0, "", "json", LogSource(product="p"), fields={"a": text}) for text in ("yx", "none", "z")]
    rows = list(scan(matcher, "f.jsonl", enumerate(events, 1)))
    assert rows == [
        Row(1, "f.jsonl", "00000000-0000-4000-8000-000000000000", "t0", "high"),
        Row(1, "f.jsonl", "00000000-0000-4000-8000-000000000001", "t1", "high"),
        Row(3, "f.jsonl", "00000000-0000-4000-8000-000000000002", "t2", "high"),
    ]
