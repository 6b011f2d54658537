"""The server as a whole."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from model import ConfigError
from national.app import create_app, serve


async def test_busy_port_is_said(tmp_path: Path, national: Any) -> None:
    """A taken port is one clear sentence, and the server ends."""
    port = int(national.base.rsplit(":", 1)[1])
    app = create_app(folder=tmp_path / "other", organisations=[], operator_token="t" * 20)
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
        await serve(app, asyncio.Event(), port=port)


async def test_unexpected_failure_is_a_problem_document(start: Any, report: Any) -> None:
    """When the store fails the answer is a 500 problem that gives nothing away, and the server goes on."""
    async with start() as national:
        import sqlite3

        db = sqlite3.connect(national.folder / "national.db")
        db.execute("ALTER TABLE revisions RENAME TO hidden")
        db.commit()
        status, headers, said = await national.submit(report())
        assert (status, headers["Content-Type"][:24]) == (500, "application/problem+json") and "revisions" not in said["detail"]
        db.execute("ALTER TABLE hidden RENAME TO revisions")
        db.commit()
        db.close()
        assert (await national.submit(report()))[2]["national_id"] == "VN-2026-CM-000001"
        assert national.folder.stat().st_mode & 0o077 == 0


async def test_every_answer_is_guarded(national: Any) -> None:
    """Security headers are on all answers, errors included."""
    for place in ("/", "/login", "/api/v1/keys", "/nowhere", "/openapi.json"):
        _, headers, _ = await national.ask("GET", place, org="")
        assert headers["X-Content-Type-Options"] == "nosniff" and "Python" not in headers["Server"]
