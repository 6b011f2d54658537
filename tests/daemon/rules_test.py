"""Rules of a configuration."""

import time
from pathlib import Path

from calling import rule

from daemon.keys import private_folder
from daemon.load import load
from daemon.rules import load_rules


def test_rules_are_compiled_once_and_again_when_they_change(config: Path) -> None:
    """A second look is read from the cache; a changed file or placeholder compiles anew."""
    configuration = load(config)
    private_folder(configuration.home)
    first = load_rules(configuration)
    begun = time.monotonic()
    assert load_rules(configuration) == first
    assert time.monotonic() - begun < 1
    assert len(list((configuration.home / "rules").glob("*.rules"))) == 1
    (config.parent / "rules/two.yml").write_text(rule(2, "product: linux", "message|contains: khác"), "utf-8")
    assert [r.title for r in load_rules(configuration).rules] == ["Rule 1", "Rule 2"]


def test_placeholders_are_settings(config: Path) -> None:
    """`%name%` of a rule takes the values of rules.placeholders; without them the rule is refused, and said so."""
    (config.parent / "rules/one.yml").write_text(rule(1, "product: linux", "user|expand: '%admins%'"), "utf-8")
    assert [r.rule for r in load_rules(load(config)).refused] == ["00000000-0000-4000-8000-000000000001"]
    text = config.read_text("utf-8").replace("{paths: [rules]}", "{paths: [rules], placeholders: {admins: [quản.trị, root]}}")
    config.write_text(text, "utf-8")
    compiled = load_rules(load(config))
    assert not compiled.refused and {p.value for p in compiled.predicates} == {"quản.trị", "root"}
