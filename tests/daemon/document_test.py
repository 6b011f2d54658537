"""The page of settings."""

from pathlib import Path

from daemon.document import settings_page


def test_the_page_is_the_settings() -> None:
    """docs/settings.md says exactly what the code has: no setting is undocumented."""
    assert (Path(__file__).parents[2] / "docs/settings.md").read_text("utf-8") == settings_page(), (
        "run: python -m daemon.document > docs/settings.md"
    )
