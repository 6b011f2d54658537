"""Rules against one event, at a cost that does not grow with the number of rules. Start reading here."""

from typing import Final

import msgspec

from correlator.rule import Correlation, Refusal, Rule, RuleSource
from correlator.tree import Node
from model import Event

__all__ = ["Compiled", "Correlation", "Matcher", "Refusal", "Rule", "RuleSource"]


class Compiled(msgspec.Struct, frozen=True):
    """Everything a matcher needs, as plain values."""

    rules: tuple[Rule, ...]
    trees: tuple[Node, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()


class Matcher:
    """``rules``, ``correlations``, ``refused`` and ``warnings`` as compiled; ``match`` is the hot path."""

    def __init__(self, compiled: Compiled) -> None:
        self.rules: Final = compiled.rules
        self.correlations: Final = compiled.correlations
        self.refused: Final = compiled.refused
        self.warnings: Final = compiled.warnings

    def match(self, event: Event) -> tuple[int, ...]:
        """Indexes into ``rules`` of all detection rules that hold for this event, ascending."""
        return ()
