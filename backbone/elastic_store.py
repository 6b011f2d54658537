"""The EventStore of many machines: data streams of an Elasticsearch cluster, one a system, searched as the embedded one is.

    write ─▶ bulks on their way ─▶ logs-vonggac.<system>-<namespace>        refused ─▶ vonggac-quarantine-<namespace>

Any number of processes write (ids make repeats harmless) and search. A search first sends out what this process holds and
refreshes the streams, so it sees all that any process has stored; what stores have not taken from the log yet, it does not.
Why, and what was measured: ``docs/decisions/elastic.md``.
"""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from backbone.elastic_bulk import Delivery
from backbone.elastic_client import Access, connect, told
from backbone.elastic_document import Documents, Ecs, bare
from backbone.elastic_quarantine import Quarantine
from backbone.elastic_retention import Retention
from backbone.elastic_search import Searcher
from backbone.elastic_setup import install
from backbone.elastic_writer import Writer
from backbone.paging import bucket_edges, page_limit, read_place, write_place
from backbone.ports import Clock, Found, Search, Stored
from backbone.query import parse
from backbone.signals import Signals
from model import ConfigError, Micros

_NAMESPACE: Final = re.compile(r"[a-z0-9_.]{1,60}")


class ElasticEvents:
    """Use ``await ElasticEvents.open(access, clock, templates=…)``."""

    def __init__(
        self,
        client: AsyncElasticsearch,
        documents: Documents,
        quarantine: Quarantine,
        writer: Writer,
        searcher: Searcher,
        retention: Retention,
        namespace: str,
    ) -> None:
        self.namespace = namespace
        self.progress = writer.progress
        self._client = client
        self._documents = documents
        self.quarantine = quarantine
        self._writer = writer
        self._searcher = searcher
        self._retention = retention

    @classmethod
    async def open(
        cls,
        access: Access,
        clock: Clock,
        *,
        templates: Path,
        namespace: str = "default",
        ecs: Ecs = bare,
        signals: Signals | None = None,
        writer: str = "store",
        bulk_events: int = 1_000,
        bulk_bytes: int = 4 * 2**20,
        in_flight: int = 3,
        patience: float = 60.0,
        search_limit: float = 10.0,
    ) -> "ElasticEvents":
        """Connect and put the templates of folder ``templates`` in place. ConfigError or BackboneError in one sentence.

        ``ecs`` makes an event's ECS document. ``writer`` is the name under which this store's offset is kept, another one for
        each process that writes; "" when the bus knows it (then ``resume`` is None and no event is ignored). ``patience`` is how
        many seconds a bulk waits for a cluster that is busy or away.
        """
        if not _NAMESPACE.fullmatch(namespace):
            raise ConfigError(f"The namespace {namespace!r} cannot be part of a data stream's name; use a-z, 0-9, _ and . only.")
        client = await connect(access)
        try:
            await install(client, templates, namespace)
        except BaseException as error:
            await client.close()
            if isinstance(error, ApiError | TransportError):
                raise told(error, access.where) from None
            raise
        documents = Documents(namespace, ecs)
        quarantine = Quarantine(client, namespace, clock, signals)
        delivery = Delivery(client, documents, quarantine, signals, patience, access.where)
        bounds = {"bulk_events": bulk_events, "bulk_bytes": bulk_bytes, "in_flight": in_flight}
        return cls(
            client,
            documents,
            quarantine,
            Writer(client, documents, delivery, namespace, writer, **bounds),
            Searcher(client, namespace, search_limit),
            Retention(client, namespace, clock),
            namespace,
        )

    async def resume(self) -> int | None:
        return await self._writer.resume() if self._writer.named else None

    async def write(self, events: Sequence[Stored]) -> int:
        """As the port says. FullError, BackboneError: call again with the same events, nothing is lost or taken twice."""
        return await self._writer.write(events)

    async def flush(self) -> int:
        return await self._writer.flush()

    async def replay(self) -> tuple[int, int]:
        """Write what is in the quarantine again, by the tables of now; (taken, still refused)."""
        return await self.quarantine.replay(self._documents)

    async def search(self, search: Search) -> Found:
        """As the port says. ``partial`` when too many events had to be decided one by one; ``total`` is then a lower bound."""
        began = time.perf_counter()
        node, page, before = parse(search.text), page_limit(search), read_place(search.after)
        await self._fresh()
        found = await self._searcher.find(node, search, page, before)
        return Found(
            events=tuple(found.events),
            total=found.total,
            searched=found.searched,
            took=time.perf_counter() - began,
            next=write_place(*found.next) if found.next else "",
            partial=found.partial,
        )

    async def get(self, event: str) -> Stored | None:
        await self._fresh()
        return await self._searcher.get(event)

    async def histogram(self, search: Search, buckets: int) -> list[tuple[Micros, int]]:
        edges, node = bucket_edges(search, buckets), parse(search.text)
        await self._fresh()
        return list(zip(edges, await self._searcher.tally(node, search, edges), strict=True))

    async def _fresh(self) -> None:
        if self._writer.waiting:
            await self._writer.flush()
        await self._searcher.refresh()

    async def expire(self, before: Mapping[str, Micros]) -> int:
        """As the port says: whole indices, and single events that came so late that their index stays for long."""
        await self._fresh()
        return await self._retention.expire(before)

    async def close(self) -> None:
        try:
            await self._writer.close()
        finally:
            await self._client.close()
