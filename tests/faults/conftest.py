"""What fault tests share: houses on small rule sets, quick to start."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.house import House
from bench.load import RULES

SYSTEMS = (
    "systems:\n  - {code: thu, row: 2, name: Thử, name_en: Trial, owner: UBND, operator: Trung tâm, level: 3, hosts: ['*']}\n"
)

Houses = Callable[..., House]


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[Houses]:
    """``houses(name, files=…, **settings)`` makes a house that is not started; all are gone at the end of the test."""
    made: list[House] = []
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/all.yml").write_text(RULES, "utf-8")
    (tmp_path / "systems.yml").write_text(SYSTEMS, "utf-8")

    def make(name: str = "house", **settings: Any) -> House:
        settings.setdefault("rules", [tmp_path / "rules"])
        settings.setdefault("systems", str(tmp_path / "systems.yml"))
        made.append(House(tmp_path / name, **settings))
        return made[-1]

    yield make
    for house in made:
        house.kill()
        house.clear()
