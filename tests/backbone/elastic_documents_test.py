"""Alerts and incidents as indices: newest revision wins, and two analysts never overwrite each other unseen."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backbone.clock import ManualClock
from backbone.elastic_client import Access, connect
from backbone.elastic_documents import ElasticDocuments
from backbone.elastic_store import ElasticEvents
from model import Alert, ConflictError, Entity, Incident

TEMPLATES = Path(__file__).parents[2] / "config" / "elastic"
ALERT = Alert(
    id="a1",
    revision=1,
    rule="r",
    title="Đăng nhập thất bại",
    level="high",
    entities=(Entity("user", "an"),),
    systems=("dvc",),
    count=1,
    happened_at=1_795_219_200_000_000,
    received_at=1_795_219_200_000_000,
    stored_at=1_795_219_200_000_000,
    detected_at=1_795_219_200_000_000,
    last_at=1_795_219_200_000_000,
)
INCIDENT = Incident("i1", 1, "M3", "intrusion", "t", "w", ("dvc",), (), (), 1, 2, 3)


@pytest.fixture
async def documents(elasticsearch: Any) -> AsyncIterator[ElasticDocuments]:
    access, namespace = Access((elasticsearch.url,)), f"vg{uuid.uuid4().hex[:12]}"
    await (await ElasticEvents.open(access, ManualClock(), templates=TEMPLATES, namespace=namespace)).close()
    client = await connect(access)
    yield ElasticDocuments(client, namespace)
    await client.close()


async def test_the_newest_revision_stays(documents: ElasticDocuments) -> None:
    """Whatever order revisions come in, the newest is there, exactly as it was."""
    third, second = (msgspec.structs.replace(ALERT, revision=n, count=n) for n in (3, 2))
    assert await documents.put_alerts([third]) == 1
    assert await documents.put_alerts([second, ALERT, third]) == 0
    assert await documents.alert("a1") == third
    assert await documents.alert("a2") is None
    assert await documents.put_incidents([INCIDENT]) == 1
    assert await documents.incident("i1") == INCIDENT


async def test_triage_is_never_overwritten_unseen(documents: ElasticDocuments) -> None:
    """Who did not see the last write is refused; a later revision of the alert is taken all the same."""
    await documents.put_alerts([ALERT])
    await documents.write_triage("a1", {"status": "open"}, None)
    with pytest.raises(ConflictError):
        await documents.write_triage("a1", {"status": "closed"}, None)
    seen = await documents.triage("a1")
    assert seen is not None and seen.value == {"status": "open"}
    await documents.write_triage("a1", {"status": "closed", "assignee": "an"}, seen.mark)
    with pytest.raises(ConflictError):
        await documents.write_triage("a1", {"status": "false"}, seen.mark)
    assert await documents.put_alerts([msgspec.structs.replace(ALERT, revision=2)]) == 1
    now = await documents.triage("a1")
    assert now is not None and now.value == {"status": "closed", "assignee": "an"}
