"""Servers somebody else runs, named by KAFKA_BOOTSTRAP and ELASTICSEARCH_URL. Tests leave nothing in them."""

import asyncio
import contextlib
from typing import Any

import aiokafka.admin
import elasticsearch
import msgspec


class Kafka(msgspec.Struct, frozen=True):
    """A cluster reached without password at ``bootstrap``."""

    bootstrap: str


class Elasticsearch(msgspec.Struct, frozen=True):
    """A cluster at ``url``; user and password stand in it."""

    url: str

    def client(self) -> dict[str, Any]:
        """Arguments of AsyncElasticsearch."""
        return {"hosts": [self.url]}


def clear_kafka(bootstrap: str, prefix: str) -> None:
    """Delete the topics whose names begin with ``prefix``."""

    async def clear() -> None:
        admin = aiokafka.admin.AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            ours = [topic for topic in await admin.list_topics() if topic.startswith(prefix)]
            if ours:
                await admin.delete_topics(ours)
        finally:
            await admin.close()

    asyncio.run(clear())


def clear_elasticsearch(server: Elasticsearch, prefix: str) -> None:
    """Delete data streams, indices and templates with ``prefix`` in their names."""
    with elasticsearch.Elasticsearch(**server.client()) as client:
        found = client.indices.resolve_index(name=f"*{prefix}*", expand_wildcards="all")
        for stream in found["data_streams"]:
            with contextlib.suppress(elasticsearch.ApiError):  # a cluster without that API
                client.indices.delete_data_stream(name=stream["name"])
        for index in found["indices"]:
            with contextlib.suppress(elasticsearch.ApiError):
                client.indices.delete(index=index["name"])
        with contextlib.suppress(elasticsearch.NotFoundError):
            client.indices.delete_index_template(name=f"*{prefix}*")
        with contextlib.suppress(elasticsearch.NotFoundError):
            client.cluster.delete_component_template(name=f"*{prefix}*")
