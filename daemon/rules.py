"""The compiled rules of a configuration."""

from correlator.cache import load_or_compile
from correlator.rule import Compiled
from daemon.load import Configuration


def load_rules(configuration: Configuration) -> Compiled:
    """The compiled rules of this configuration, from the cache when nothing changed."""
    return load_or_compile(
        configuration.rule_paths, configuration.home / "rules", placeholders=configuration.settings.rules.placeholders
    )
