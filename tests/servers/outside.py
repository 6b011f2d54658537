"""Servers somebody else runs, named by KAFKA_BOOTSTRAP and ELASTICSEARCH_URL. Tests leave nothing in them."""

import asyncio
import functools
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec


class Kafka(msgspec.Struct, frozen=True):
    """A cluster reached without password at ``bootstrap``."""

    bootstrap: str


class Elasticsearch:
    """A cluster at ``url``. ``given`` may hold ``user:password@``: the attribute ``url`` and what is printed do not."""

    def __init__(self, given: str) -> None:
        parts = urlsplit(given)
        self.url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self.user, self.password = unquote(parts.username or ""), unquote(parts.password or "")
        self.ca_file: Path | None = None

    def client(self) -> dict[str, Any]:
        """Arguments of AsyncElasticsearch."""
        return {"hosts": [self.url]} | ({"basic_auth": (self.user, self.password)} if self.user else {})


def clear_kafka(bootstrap: str, prefix: str) -> None:
    """Delete the topics whose names begin with ``prefix``."""
    import aiokafka.admin  # late: this module is loaded by every test run

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
    """Delete data streams, indices and templates with ``prefix`` in their names; warn of what does not go."""
    import elasticsearch

    with elasticsearch.Elasticsearch(**server.client()) as client:
        found = client.indices.resolve_index(name=f"*{prefix}*", expand_wildcards=["open", "closed"])
        indices, name = client.indices, f"*{prefix}*"
        steps = [functools.partial(indices.delete_data_stream, name=one["name"]) for one in found["data_streams"]]
        steps += [functools.partial(indices.delete, index=one["name"]) for one in found["indices"]]
        steps += [functools.partial(indices.delete_index_template, name=name)]
        steps += [functools.partial(client.cluster.delete_component_template, name=name)]
        for step in steps:
            try:
                step()
            except elasticsearch.NotFoundError:
                pass
            except elasticsearch.ApiError as error:  # the minimal distribution cannot delete a data stream
                warnings.warn(f"{server.url} keeps {next(iter(step.keywords.values()))}: {error}", stacklevel=1)
