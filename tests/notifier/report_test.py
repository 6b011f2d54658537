"""Incidents as request bodies."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import AlertLine, Entity, Incident
from national.schema import read_report
from notifier.report import body, canonical, mask

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=15,
)
ANY = st.text(st.characters(), max_size=600)


def backwards(value: Any) -> Any:
    """The same JSON value with every object's keys in reverse order."""
    if isinstance(value, dict):
        return {k: backwards(v) for k, v in reversed(value.items())}
    return [backwards(v) for v in value] if isinstance(value, list) else value


@given(value=JSON)
def test_canonical_bytes_depend_on_the_value_only(value: Any) -> None:
    """Key order does not matter and nothing is lost."""
    assert canonical(value) == canonical(backwards(value))
    assert json.loads(canonical(value)) == value


@given(texts=st.lists(ANY, min_size=1, max_size=30), level=st.sampled_from(("low", "critical")))
def test_every_incident_is_a_valid_report(texts: list[str], level: str) -> None:
    """Whatever text logs bring in, the body is one the national schema takes, and the same every time."""
    incident = Incident(
        id="6f0c1a7e-0000-5000-8000-000000000001",
        revision=1,
        severity="M2",
        kind="other",
        title="x" + texts[0] * 3,
        why=texts[0],
        systems=tuple(f"s{i}" for i in range(60)),
        entities=tuple(Entity("user", t) for t in texts) * 10,
        alerts=tuple(AlertLine(f"a{i}", "r", t, level, 0, 1) for i, t in enumerate(texts)) * 8,
        detected_at=1,
        first_at=0,
        last_at=2**62,
        techniques=("T1059", "T1059.001"),
        evidence=tuple(texts),
    )
    made = canonical(body(incident, profile="VN-2026"))
    assert made == canonical(body(incident, profile="VN-2026"))
    report = read_report(made)
    assert len(report.evidence) <= 20 and all(len(e) <= 500 for e in report.evidence)
    assert report.alerts_total == len(incident.alerts) and report.entities_total == len(incident.entities)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("cccd=001234567890 ok", "cccd=•••••••••890 ok"),
        ("CCCD 001 234 567 890.", "CCCD •••••••••890."),
        ("gọi 0912345678 hoặc +84 912 345 678", "gọi •••••••678 hoặc ••••••••678"),
        ("máy bàn 024.3826.1234", "máy bàn ••••••••234"),
        (
            "192.168.100.200 2026-11-21T09:30:00.123Z 02-03-2026 10:15:00",
            "192.168.100.200 2026-11-21T09:30:00.123Z 02-03-2026 10:15:00",
        ),
        ("1795219200123456 17952192001", "1795219200123456 17952192001"),
    ],
)
def test_personal_numbers_are_masked(text: str, masked: str) -> None:
    """Identity and telephone numbers keep three digits; addresses, times and counters stay whole."""
    assert mask(text) == masked


def test_a_person_is_masked_and_a_hash_is_not() -> None:
    """An account that is an identity number is masked; twelve digits within a hash are evidence."""
    digest = "ab123456789012cd"
    incident = Incident(
        "i", 1, "M2", "other", "t", "w", (), (Entity("user", "001234567890"), Entity("hash", digest)), (), 0, 0, 0
    )
    values = [e["value"] for e in body(incident, profile="VN-2026")["entities"]]
    assert values == ["•••••••••890", digest]


@given(text=st.text(st.sampled_from("0123456789 .+84-a"), max_size=5_000))
def test_masking_is_quick_and_complete(text: str) -> None:
    """No run of digits makes masking slow, and no twelve digits in a row are left standing alone."""
    import re

    assert not re.search(r"(?<!\d)\d{12}(?!\d)", mask(text))
