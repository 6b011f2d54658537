"""Conditions read by us mean what they mean to pySigma."""

from pathlib import Path

import pytest
from sigma.conditions import ConditionAND, ConditionIdentifier, ConditionItem, ConditionNOT, ConditionOR, ConditionSelector
from sigma.conditions import _parse_condition_string as pysigma
from sigma.rule import SigmaDetections

from correlator.condition import read
from correlator.load import files, load
from correlator.tree import All, Node, Not, Some, shape

SIGMA = Path(__file__).parents[2] / "../shared/sigma"


def theirs(item: ConditionItem, detections: SigmaDetections, names: list[str]) -> Node:
    if isinstance(item, ConditionSelector):
        parts = tuple(names.index(one.identifier) for one in item.resolve_referenced_detections(detections))
        return All(parts) if item.cond_class is ConditionAND else Some(parts)
    if isinstance(item, ConditionIdentifier):
        return names.index(item.identifier)
    parts_ = tuple(theirs(part, detections, names) for part in item.args)  # type: ignore[arg-type]
    if isinstance(item, ConditionNOT):
        return Not(parts_[0])
    assert isinstance(item, (ConditionAND, ConditionOR))
    return All(parts_) if isinstance(item, ConditionAND) else Some(parts_)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not SIGMA.is_dir(), reason="no ../shared/sigma beside the checkout")
def test_all_conditions_of_sigmahq() -> None:
    """For every condition of SigmaHQ our reader and pySigma's give the same tree."""
    loaded = load(files([SIGMA / "rules", SIGMA / "rules-emerging-threats", SIGMA / "rules-threat-hunting"]))
    assert len(loaded.rules) == 3754
    for rule, document, _ in loaded.rules:
        names = list(rule.detection.detections)
        for condition in rule.detection.condition:
            ours = shape(read(condition, names, names.index))
            assert ours == shape(theirs(pysigma(condition), rule.detection, names)), document.file
