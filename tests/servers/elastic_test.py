"""The Elasticsearch of the tests: it comes up, lets the right ones in, and what it acknowledged outlives its death."""

from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch, AuthenticationException, ConnectionError, ConnectionTimeout

from tests.servers.elastic import Elasticsearch


async def index_and_find(arguments: dict[str, Any], index: str) -> None:
    async with AsyncElasticsearch(**arguments) as client:
        await client.index(index=index, id="1", document={"message": "Vọng Gác"}, refresh=True)
        found = await client.search(index=index, query={"match": {"message": "vọng"}})
        assert [hit["_id"] for hit in found["hits"]["hits"]] == ["1"]


async def test_plain(elasticsearch: Any, prefix: str) -> None:
    """A document indexed is a document found."""
    await index_and_find(elasticsearch.client(), f"{prefix}a")


async def test_data_stream(elasticsearch: Any, prefix: str) -> None:
    """Without the _data_stream API: writing makes a data stream; it is listed, rolled over, searched, its old index goes."""
    async with AsyncElasticsearch(**elasticsearch.client()) as client:
        name = f"logs-{prefix}a"
        await client.indices.put_index_template(name=f"{prefix}t", index_patterns=[f"{name}*"], data_stream={}, priority=500)
        document = {"@timestamp": "2026-11-22T00:00:00Z"}
        await client.create(index=name, id="1", document=document, refresh=True)
        await client.indices.rollover(alias=name)
        await client.create(index=name, id="2", document=document, refresh=True)
        assert (await client.count(index=name))["count"] == 2
        old, new = (await client.indices.resolve_index(name=name))["data_streams"][0]["backing_indices"]
        await client.indices.delete(index=old)
        assert (await client.count(index=name))["count"] == 1
        assert (await client.indices.resolve_index(name=name))["data_streams"][0]["backing_indices"] == [new]


@pytest.mark.slow
async def test_secure(elasticsearch_secure: Elasticsearch, prefix: str) -> None:
    """HTTPS with the right password works; without it, or with another, it does not."""
    right = elasticsearch_secure.client()
    await index_and_find(right, f"{prefix}a")
    for pair in (("elastic", "guessed"), None):
        async with AsyncElasticsearch(**right | {"basic_auth": pair}) as client:
            with pytest.raises(AuthenticationException):
                await client.cluster.health()


@pytest.mark.slow
async def test_killed_node_keeps_what_it_acknowledged(elasticsearch_own: Elasticsearch, prefix: str) -> None:
    """kill -9 right after the acknowledgement, start on the same data: the document is there. SIGTERM: the same."""
    async with AsyncElasticsearch(**elasticsearch_own.client()) as client:
        await client.create(index=f"{prefix}a", id="1", document={"n": 1})
        elasticsearch_own.kill()
        with pytest.raises(ConnectionError):
            await client.cluster.health()
        elasticsearch_own.start()
        assert (await client.get(index=f"{prefix}a", id="1"))["_source"] == {"n": 1}
        elasticsearch_own.stop()
        assert not elasticsearch_own.alive()
        elasticsearch_own.start()
        assert (await client.get(index=f"{prefix}a", id="1"))["found"]


@pytest.mark.slow
async def test_paused_node_goes_on(elasticsearch_own: Elasticsearch) -> None:
    """While it is paused nothing answers; afterwards it does, at once."""
    async with AsyncElasticsearch(**elasticsearch_own.client(), request_timeout=1.0, max_retries=0) as client:
        elasticsearch_own.pause()
        with pytest.raises(ConnectionTimeout):
            await client.cluster.health()
        elasticsearch_own.go_on()
        assert (await client.cluster.health())["status"] in ("green", "yellow")
