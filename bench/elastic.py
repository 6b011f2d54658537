"""Measures the Elasticsearch store against the client's bulk helper, same documents: `python -m bench.elastic URL [EVENTS]`.

The helper gets its documents ready made; the store makes them of events while it writes. Rounds alternate, each in fresh data
streams of the same mapping; the first pair warms the server up and does not count.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from elasticsearch.helpers import async_bulk

from backbone.clock import SystemClock
from backbone.elastic_client import Access, connect
from backbone.elastic_document import Documents, stream
from backbone.elastic_store import ElasticEvents
from backbone.ports import Search, Stored
from bench.store import events
from collector.ecs import Tables, to_document
from daemon.ecs import read_tables
from model import Event, Micros

CONFIG = Path(__file__).parents[1] / "config"
TABLES = Tables(read_tables(CONFIG / "ecs"))
ROUNDS = 3


def ecs(event: Event, stored_at: Micros) -> dict[str, Any]:
    return to_document(event, TABLES, stored_at)


async def main(url: str, count: int) -> None:
    sample = events(count)
    namespace = f"b{time.time_ns():x}"
    ready = [msgspec.to_builtins(Documents("x", ecs).document(s)) for s in sample]
    print(f"{count} events, documents of {sum(len(msgspec.json.encode(d)) for d in ready) // count} bytes")
    began = time.process_time()
    lines, documents = bytearray(), Documents("x", ecs)
    for stored in sample[:5_000]:
        documents.add(stored, lines)
    print(f"making a document and its lines: {(time.process_time() - began) / min(count, 5_000) * 1e6:.1f} µs of processor time")
    bare: list[float] = []
    ours: list[float] = []
    for number in range(ROUNDS):
        for rates, run in ((bare, helper), (ours, store)):
            served = await server_time(url)
            began, used = time.perf_counter(), time.process_time()
            await run(url, f"{namespace}{run.__name__}{number}", sample, ready)
            took, used = time.perf_counter() - began, time.process_time() - used
            served = await server_time(url) - served
            print(
                f"round {number}: {run.__name__:6} {count / took:8.0f} events/s; processor time an event:"
                f" client {used / count * 1e6:5.1f}, server {served / count * 1e6:5.1f} µs"
            )
            if number:
                rates.append(count / took)
    one, other = statistics.median(bare), statistics.median(ours)
    print(f"medians: helper {one:.0f}, store {other:.0f} events/s: {other / one:.0%}")
    await searches(url, f"{namespace}store{ROUNDS - 1}")


async def server_time(url: str) -> float:
    """Processor seconds the server has used."""
    client = await connect(Access((url,)))
    nodes = (await client.nodes.stats(metric="process"))["nodes"].values()
    await client.close()
    return float(sum(node["process"]["cpu"]["total_in_millis"] for node in nodes)) / 1_000


async def helper(url: str, namespace: str, sample: list[Stored], ready: list[dict[str, Any]]) -> None:
    client = await connect(Access((url,)))

    def actions() -> Iterable[dict[str, Any]]:
        for stored, document in zip(sample, ready, strict=True):
            index = stream(stored.event.system, namespace)
            yield {"_op_type": "create", "_index": index, "_id": stored.event.id, "_source": document}

    good, _ = await async_bulk(client, actions(), chunk_size=1_000)
    await client.close()
    assert good == len(sample)


async def store(url: str, namespace: str, sample: list[Stored], ready: list[dict[str, Any]]) -> None:
    found = await opened(url, namespace)
    for start in range(0, len(sample), 1_000):
        await found.write(sample[start : start + 1_000])
    durable = await found.flush()
    await found.close()
    assert durable == sample[-1].offset


async def opened(url: str, namespace: str) -> ElasticEvents:
    return await ElasticEvents.open(
        Access((url,)), SystemClock(), templates=CONFIG / "elastic", namespace=namespace, ecs=ecs, search_limit=30
    )


async def searches(url: str, namespace: str) -> None:
    found = await opened(url, namespace)
    for text in (
        "",
        "c-ip:203.0.3.7",
        "sc-status:>=500",
        "cs-uri-stem:*thanh-toan",
        "cs-user-agent:*Chrome/135*",
        "windows",
        '"Chrome/135.0"',
    ):
        times = []
        for _ in range(4):
            answer = await found.search(Search(text=text))
            times.append(answer.took * 1e3)
        note = " (partial)" if answer.partial else ""
        print(f"search {text or 'everything'!s:30} {answer.total:8} found, {statistics.median(times[1:]):7.0f} ms{note}")
    await found.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40_000))
