"""Legal profiles are data."""

from pathlib import Path

import pytest

from model import ConfigError
from national.schema import KINDS
from notifier.legal import parse

FOLDER = Path(__file__).parents[2] / "config/legal"


def test_shipped_profiles_use_the_codes_of_the_api() -> None:
    """Every profile reads, carries the name of its file and lists exactly the kinds that the national API takes."""
    files = sorted(FOLDER.glob("*.yml"))
    assert [p.stem for p in files] == ["VN-2017", "VN-2026"]
    for path in files:
        legal = parse(path.read_text("utf-8"), str(path))
        assert legal.profile == path.stem
        assert {k.code for k in legal.kinds} == set(KINDS)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("profile: VN-2026", "profil: VN-2026", "profil"),
        ("kinds: [ransomware, destruction]", "kinds: [ransomwar]", "ransomwar"),
        ("stage: first_notice", "stage: frist_notice", "frist_notice"),
        ("  - {severity: M4}", "  - {severity: M4, level: low}", "last row"),
        ("severity: M4", "severity: M9", "M9"),
        ("code: other", "code: others", "other"),
        ("grading:", "grading: [", "YAML"),
    ],
)
def test_mistakes_are_said(old: str, new: str, says: str) -> None:
    """A mistake is one sentence that names the file and the culprit."""
    text = (FOLDER / "VN-2026.yml").read_text("utf-8")
    assert old in text
    with pytest.raises(ConfigError) as raised:
        parse(text.replace(old, new), "x.yml")
    assert "x.yml" in str(raised.value) and says in str(raised.value)
