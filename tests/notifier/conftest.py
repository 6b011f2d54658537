"""Alerts, a register and a legal profile for the notifier's tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model import Alert, Entity, Evidence, Level, Micros, System
from notifier.grouping import Grouping
from notifier.legal import Legal, parse

ROOT = Path(__file__).parents[2]
START: Micros = 1_795_219_200_000_000
SYSTEMS = (
    System("dvc", 1, "Cổng dịch vụ công", "Public-service portal", "Sở KH&CN", "TTDL", 3),
    System("web", 2, "Cổng thông tin", "Web portal", "Sở KH&CN", "TTDL", 1),
    System("sso", 13, "Đăng nhập một lần", "Single sign-on", "Sở KH&CN", "TTDL", 3),
)


def make_alert(
    name: str,
    *entities: str,
    level: Level = "high",
    at: Micros = 0,
    revision: int = 1,
    systems: tuple[str, ...] = ("dvc",),
    tags: tuple[str, ...] = (),
    evidence: tuple[str, ...] = (),
    count: int = 1,
) -> Alert:
    """An alert ``at`` microseconds after START about ``kind:value`` entities."""
    when = START + at
    return Alert(
        id=name,
        revision=revision,
        rule=f"rule-{name}",
        title=f"Cảnh báo {name}",
        level=level,
        entities=tuple(Entity(*e.split(":", 1)) for e in entities),
        systems=systems,
        count=count,
        happened_at=when,
        received_at=when,
        stored_at=when,
        detected_at=when + 1_000,
        last_at=when,
        evidence=tuple(Evidence(f"e{i}", when, "dvc", "web01", text) for i, text in enumerate(evidence)),
        tags=tags,
    )


@pytest.fixture(scope="session")
def legal() -> Legal:
    path = ROOT / "config/legal/VN-2026.yml"
    return parse(path.read_text("utf-8"), str(path))


@pytest.fixture
def alert() -> Callable[..., Alert]:
    return make_alert


@pytest.fixture
def systems() -> tuple[System, ...]:
    return SYSTEMS


@pytest.fixture
def grouping(legal: Legal) -> Callable[..., Grouping]:
    return lambda **settings: Grouping(legal=legal, systems=SYSTEMS, **settings)
