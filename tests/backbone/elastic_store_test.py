"""The Elasticsearch store under faults, on real servers: what cannot be stored is kept, what was acknowledged is never lost."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from elasticsearch import AsyncElasticsearch

from backbone.clock import ManualClock
from backbone.elastic_client import Access, connect
from backbone.elastic_document import bare
from backbone.elastic_store import ElasticEvents
from backbone.ports import Search, Stored
from backbone.signals import MemorySignals
from model import BackboneError, ConfigError, Event, FullError, event_id
from model.moment import SECOND

TEMPLATES = Path(__file__).parents[2] / "config" / "elastic"
START = 1_795_219_200 * SECOND
Open = Callable[..., Awaitable[ElasticEvents]]


def stored(offset: int, **more: Any) -> Stored:
    happened = START + offset * SECOND
    given: dict[str, Any] = {
        "original": f"line {offset} failed password",
        "system": "dvc",
        "fields": {"user": f"u{offset % 7}"},
    } | more
    event = Event(id=event_id("s", str(offset)), source="s", happened_at=happened, received_at=happened, format="json", **given)
    return Stored(event, offset, happened + 10)


def events(first: int, last: int) -> list[Stored]:
    return [stored(n) for n in range(first, last + 1)]


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens stores in one namespace of this test's own."""
    namespace = "vg" + hashlib.blake2b(str(tmp_path).encode(), digest_size=8).hexdigest()
    opened: list[ElasticEvents] = []

    async def at(server: Any, **more: Any) -> ElasticEvents:
        access = more.pop("access", None) or Access((server.url,), timeout=10.0)
        given = {"templates": TEMPLATES, "namespace": namespace, "bulk_events": 50, "patience": 5.0} | more
        opened.append(await ElasticEvents.open(access, ManualClock(), **given))
        return opened[-1]

    yield at
    for one in opened:
        with contextlib.suppress(BackboneError):
            await one.close()


async def everything(store: ElasticEvents) -> list[int]:
    seen: list[int] = []
    after = ""
    while True:
        found = await store.search(Search(limit=5_000, after=after))
        seen += [s.offset for s in found.events]
        if not found.next:
            assert found.total == len(seen)
            return seen
        after = found.next


async def test_a_document_of_another_type_is_kept_and_replayed(elasticsearch: Any, at: Open) -> None:
    """A mapping conflict stops nothing: the event goes to the quarantine whole, with the reason, and is taken once it fits."""
    signals, wrong = MemorySignals(), True

    def ecs(event: Event, stored_at: int) -> dict[str, Any]:
        return bare(event, stored_at) | ({"source": "no object"} if wrong and event.fields["user"] == "u3" else {})

    store = await at(elasticsearch, ecs=ecs, signals=signals)
    await store.write(events(1, 100))
    assert await store.flush() == 100
    bad = [n for n in range(1, 101) if n % 7 == 3]
    assert len(await everything(store)) == 100 - len(bad)
    assert await store.quarantine.count() == len(bad)
    assert sum(n for name, n in signals.counts.items() if name.startswith("elastic_quarantined")) == len(bad)
    async with AsyncElasticsearch(**elasticsearch.client()) as client:
        found = await client.search(index=store.quarantine.index, query={"match": {"original": "password"}})
        assert found["hits"]["total"]["value"] == len(bad)
        assert "object mapping for [source]" in found["hits"]["hits"][0]["_source"]["reason"]
    assert await store.replay() == (0, len(bad))
    wrong = False
    assert await store.replay() == (len(bad), 0)
    assert sorted(await everything(store)) == list(range(1, 101))
    assert await store.quarantine.count() == 0
    assert await store.get(stored(3).event.id) == stored(3)
    print(f"100 events, {len(bad)} in quarantine, {len(bad)} replayed")


async def test_hostile_fields_explode_nothing(elasticsearch: Any, at: Open) -> None:
    """Thousands of field names, values of every type and huge ones: stored as they are, found by name, and no mapping grows."""
    store = await at(elasticsearch)
    many = stored(1, fields={f"k{n}": n for n in range(3_000)})
    huge = stored(2, fields={"CommandLine": "A" * 100_000, "deep": ["x"] * 1_000}, original="B" * 100_000 + " end")
    mixed = [stored(n, fields={"f": value}) for n, value in enumerate(("x", 1, True, None, [1, "a"], 1.5), 3)]
    await store.write([many, huge, *mixed])
    assert await store.flush() == 8
    assert (await store.search(Search(text="k2999:2999"))).total == 1
    assert (await store.search(Search(text="CommandLine:aaa*"))).total == 1
    assert (await store.search(Search(text="bbb*end"))).total == 1
    assert (await store.search(Search(text="f:1"))).total == 2
    assert [await store.get(s.event.id) for s in (many, huge, *mixed)] == [many, huge, *mixed]
    assert await store.quarantine.count() == 0


@pytest.mark.slow
async def test_read_only_is_full_and_then_goes_on(elasticsearch_own: Any, at: Open) -> None:
    """Flood stage (indices made read-only): FullError, nothing lost, nothing twice, and no hot loop; afterwards it goes on."""
    store = await at(elasticsearch_own)
    await store.write(events(1, 100))
    assert await store.flush() == 100
    async with AsyncElasticsearch(**elasticsearch_own.client()) as client:
        block = {"index.blocks.read_only_allow_delete": True}
        await client.indices.put_settings(index=".ds-logs-vonggac*", settings=block, expand_wildcards="all")
        refused = 0
        for _ in range(20):
            try:
                await store.write(events(101, 400))
                await store.flush()
            except FullError as error:
                assert "make room" in str(error)
                refused += 1
        assert refused >= 10
        await client.indices.put_settings(
            index=".ds-logs-vonggac*", settings={"index.blocks.read_only_allow_delete": None}, expand_wildcards="all"
        )
    await store.write(events(101, 400))
    assert await store.flush() == 400
    assert sorted(await everything(store)) == list(range(1, 401))
    print(f"400 events, FullError {refused} times, 0 lost, 0 twice")


@pytest.mark.slow
async def test_kill_with_bulks_on_their_way(elasticsearch_own: Any, at: Open) -> None:
    """kill -9 under load, three times: what was said to be durable is there, once; a new process resumes and completes."""
    last = durable = 0
    for _ in range(3):
        store = await at(elasticsearch_own, patience=1.0)
        durable = max(durable, await store.resume() or 0)
        offset = durable

        async def load(store: ElasticEvents = store) -> None:
            nonlocal durable, offset
            while True:
                durable = max(durable, await store.write(events(offset + 1, offset + 100)))
                offset += 100
                await asyncio.sleep(0)

        work = asyncio.create_task(load())
        await asyncio.sleep(1.5)
        elasticsearch_own.kill()
        with pytest.raises(BackboneError):
            await asyncio.wait_for(work, 30)
        last = offset
        await asyncio.to_thread(elasticsearch_own.start)
        again = await at(elasticsearch_own)
        present = set(await everything(again))
        assert set(range(1, durable + 1)) <= present
        await again.write(events((await again.resume() or 0) + 1, last))
        assert await again.flush() == last
        assert sorted(await everything(again)) == list(range(1, last + 1))
    print(f"3 kills, {last} events, acknowledged and lost 0, twice 0")


@pytest.mark.slow
async def test_away_for_a_while(elasticsearch_own: Any, at: Open) -> None:
    """A server back within the patience costs nothing; beyond it, one clear sentence, and the same call goes on."""
    store = await at(elasticsearch_own, patience=60.0)
    await store.write(events(1, 50))
    await store.flush()
    elasticsearch_own.stop()
    await store.write(events(51, 200))
    flushing = asyncio.create_task(store.flush())
    await asyncio.to_thread(elasticsearch_own.start)
    assert await flushing == 200
    short = await at(elasticsearch_own, patience=1.0)
    elasticsearch_own.stop()
    with pytest.raises(BackboneError, match="cannot be reached"):
        await short.write(events(201, 300))
        await short.flush()
    elasticsearch_own.start()
    await short.write(events(201, 300))
    assert await short.flush() == 300
    assert sorted(await everything(short)) == list(range(1, 301))


@pytest.mark.slow
async def test_access_is_told_in_one_sentence(elasticsearch_secure: Any, at: Open) -> None:
    """Wrong password, unknown CA, nobody there: one sentence each, without the password; the right access works."""
    url, right, ca = elasticsearch_secure.url, elasticsearch_secure.password, str(elasticsearch_secure.ca_file)
    for access, said in (
        (Access((url,), "elastic", "guessed-secret", ca=ca), "password"),
        (Access((url,), "elastic", right), "CA"),
        (Access(("http://127.0.0.1:9",), timeout=2.0), "cannot be reached"),
        (Access((url,), "elastic", right, ca="/nowhere/ca.pem"), "cannot be used"),
    ):
        with pytest.raises((ConfigError, BackboneError), match=said) as told:
            await connect(access)
        print(told.value)
        assert "guessed-secret" not in str(told.value) + repr(access)
        assert "\n" not in str(told.value)
    store = await at(None, access=Access((url,), "elastic", right, ca=ca))
    await store.write(events(1, 10))
    assert await store.flush() == 10


@pytest.mark.slow
async def test_templates_of_somebody_else_are_not_overwritten(elasticsearch_own: Any, at: Open) -> None:
    """A foreign template under our name, or one that takes our streams, is a ConfigError; an older one of ours is replaced."""
    async with AsyncElasticsearch(**elasticsearch_own.client()) as client:
        await at(elasticsearch_own)
        await client.indices.put_index_template(name="thief", index_patterns=["logs-*"], priority=900, data_stream={})
        with pytest.raises(ConfigError, match="higher priority"):
            await at(elasticsearch_own)
        await client.indices.delete_index_template(name="thief")
        ours = (await client.indices.get_index_template(name="logs-vonggac"))["index_templates"][0]["index_template"]
        old = dict(ours) | {"version": 0, "_meta": {"owner": "vonggac"}}
        await client.perform_request(
            "PUT",
            "/_index_template/logs-vonggac",
            headers={"content-type": "application/json", "accept": "application/json"},
            body=old,
        )
        store = await at(elasticsearch_own)
        found = (await client.indices.get_index_template(name="logs-vonggac"))["index_templates"][0]["index_template"]
        assert found["version"] == 1
        await store.write(events(1, 10))
        assert await store.flush() == 10
        foreign = {key: value for key, value in ours.items() if key != "_meta"}
        await client.perform_request(
            "PUT",
            "/_index_template/logs-vonggac",
            headers={"content-type": "application/json", "accept": "application/json"},
            body=foreign,
        )
        with pytest.raises(ConfigError, match="not ours"):
            await at(elasticsearch_own)
        await client.perform_request(
            "PUT",
            "/_index_template/logs-vonggac",
            headers={"content-type": "application/json", "accept": "application/json"},
            body=old,
        )


@pytest.mark.slow
async def test_a_busy_cluster_is_waited_for(make_elasticsearch: Any, at: Open) -> None:
    """Bulks refused for want of memory (429) are sent again with growing waits until all is stored; each refusal is counted."""
    server = make_elasticsearch(indexing_pressure__memory__limit="400kb")
    await asyncio.to_thread(server.start)
    signals = MemorySignals()
    store = await at(server, bulk_events=20, in_flight=8, patience=60.0, signals=signals)
    await store.write([stored(n, original=f"{n} " + "word " * 600) for n in range(1, 1_001)])
    assert await store.flush() == 1_000
    assert len(await everything(store)) == 1_000
    refused = sum(n for name, n in signals.counts.items() if name.startswith("elastic_retries"))
    assert 0 < refused < 2_000
    assert signals.counts["elastic_events"] == 1_000
    print(f"1000 events in 50 bulks, {refused} refusals, 0 lost")


async def test_another_major_version_is_refused() -> None:
    """A cluster of another major version, or a server that is none, is a ConfigError. Made up: only one version is at hand."""

    numbers: list[str] = []

    async def root(request: web.Request) -> web.Response:
        number = numbers[-1]
        headers = {"X-Elastic-Product": "Elasticsearch"} if "7" in number else {}
        return web.json_response({"version": {"number": number}}, headers=headers)

    application = web.Application()
    application.router.add_get("/", root)
    async with TestServer(application) as fake:
        for number, said in (("7.17.29", "version 7.17.29; version 8"), ("1", "is not Elasticsearch")):
            numbers.append(number)
            with pytest.raises(ConfigError, match=said):
                await connect(Access((str(fake.make_url("")),)))


async def test_a_replay_after_rollover_stores_nothing_twice(elasticsearch: Any, at: Open) -> None:
    """The cluster checks an id only in a stream's newest index; a restarted store looks in all of them."""
    store = await at(elasticsearch)
    await store.write(events(1, 300))
    await store.flush()
    async with AsyncElasticsearch(**elasticsearch.client()) as client:
        await client.indices.delete(index=store.progress)  # as if the offset had not been kept
        for stream in await client_streams(client, store):
            await client.indices.rollover(alias=stream)
    again = await at(elasticsearch)
    assert await again.resume() == 0
    await again.write(events(1, 350))
    assert await again.flush() == 350
    assert sorted(await everything(again)) == list(range(1, 351))


async def client_streams(client: AsyncElasticsearch, store: ElasticEvents) -> list[str]:
    found = await client.indices.resolve_index(name=f"logs-vonggac.*-{store.namespace}", expand_wildcards="all")
    return [one["name"] for one in found["data_streams"]]
