"""Elasticsearch finds what ``query.holds`` finds: the translation, on a real server."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from backbone.elastic_document import Documents
from backbone.elastic_query import over, under
from backbone.elastic_terms import sortable
from backbone.ports import Stored
from backbone.query import (
    And,
    Between,
    Exists,
    Field,
    FreeText,
    Moments,
    Node,
    Not,
    Numbers,
    Or,
    Pattern,
    Term,
    Wild,
    fold,
    holds,
    parse,
    resolve,
)
from model import Event, LogSource, QueryError

TEMPLATES = Path(__file__).parents[2] / "config" / "elastic"
VALUES = [
    *("", "a", "ab", "A", "ễ", "e\u0302\u0303", "Ễ", "%", "_", "\\", "a_b", "a%b", '"', "10", "9", "-3", "2.5", "\x01"),
    *(
        "a\nb",
        "\0",
        "*",
        "?",
        "[1]",
        "true",
        "null",
        "𝒳",
        "İ",
        "Σς",
        "K",
        "x" * 40,
        "nguyễn an",
        "\nguyễn",
        "=",
        "#1",
        "~",
        "a=b",
    ),
    *("a.b-c", "x" * 2_001, "203.0.113.5", "c:\\windows\\a", "y" * 9_000 + "tail", "日本", "ไทย", "e1", "\u0303", "ﬁ"),
]
KEYS = [
    "c-ip",
    "User",
    "user",
    "EventID",
    "CommandLine",
    "plain",
    "a.b",
    "a/b~c",
    'q"\\',
    "",
    "0",
    "ễ",
    "Tên",
    "a=b",
    "a",
    "@host",
]
scalars = (
    st.sampled_from(VALUES)
    | st.none()
    | st.booleans()
    | st.integers(-20, 20)
    | st.sampled_from([0.5, -2.25, 10.0, -0.0, 1e300])
    | st.text(max_size=4)
)
fields = st.dictionaries(st.sampled_from(KEYS), scalars | st.lists(scalars, max_size=3), max_size=5)
events = st.builds(
    Event,
    id=st.just("i"),
    source=st.sampled_from(VALUES),
    happened_at=st.integers(-5, 20),
    received_at=st.integers(0, 20),
    original=st.sampled_from(VALUES) | st.lists(st.sampled_from(VALUES), max_size=4).map(" ".join) | st.text(max_size=12),
    format=st.just("json"),
    logsource=st.builds(
        LogSource, st.sampled_from(["", "windows"]), st.lists(st.sampled_from(VALUES), max_size=2).map(tuple), st.just("")
    ),
    system=st.sampled_from(["", "dvc", "Một"]),
    host=st.sampled_from(VALUES),
    fields=fields,
    tags=st.lists(st.sampled_from(VALUES), max_size=2).map(tuple),
)
name = st.sampled_from(
    [
        *KEYS,
        "system",
        "host",
        "category",
        "tag",
        "product",
        "source.ip",
        "user.name",
        "host.name",
        "original",
        "id",
        "fields.host",
    ]
)
field = name.map(resolve) | st.just(Field("x", "", ("c-ip", "plain")))
folded = st.sampled_from(VALUES).map(fold)
parts = st.lists(folded.filter(bool) | st.sampled_from(list(Wild)), min_size=1, max_size=4).map(tuple)
number = st.sampled_from([None, -3.0, 2.5, 9.0, 10.0])


def free(value: str) -> Node:
    """The node of a quoted text, by the parser where it can be typed."""
    try:
        return parse('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"')
    except QueryError:
        return FreeText((Wild.ANY, fold(value), Wild.ANY))


leaves = (
    st.builds(Term, field, folded)
    | st.builds(Pattern, field, parts)
    | st.builds(Between, field, folded | st.none(), folded | st.none(), st.booleans(), st.booleans())
    | st.builds(Numbers, field, number, number, st.booleans(), st.booleans())
    | st.builds(Moments, st.sampled_from(["happened_at", "received_at"]), st.integers(-5, 10), st.integers(5, 20))
    | st.builds(Exists, field)
    | st.sampled_from(VALUES[1:]).map(free)
    | st.sampled_from(["a?b", "ngu*an", "c:\\\\win*a", "203*5", "b?"]).map(lambda text: parse(text))
)
nodes: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, max_size=3).map(lambda p: And(tuple(p)))
        | st.lists(inner, max_size=3).map(lambda p: Or(tuple(p)))
    ),
    max_leaves=6,
)

EXAMPLES = int(os.environ.get("ELASTIC_EXAMPLES", "12"))
NODES = 40
"""Queries an example asks of its events: writing and refreshing is what takes time."""


@pytest.fixture(scope="module")
def client(elasticsearch: Any) -> Any:
    found = Elasticsearch(elasticsearch.url, request_timeout=60)
    mapping = {"settings": {"number_of_shards": 1, "number_of_replicas": 0}, "mappings": {"properties": {}}}
    for file in ("ecs.json", "events.json"):
        template = msgspec.json.decode((TEMPLATES / file).read_bytes())["template"]
        mapping["settings"] |= template.get("settings", {})
        properties = template["mappings"]["properties"]
        event = {
            "properties": mapping["mappings"]["properties"].get("event", {}).get("properties", {})
            | properties["event"]["properties"]
        }
        mapping["mappings"] |= {"dynamic": False, "properties": mapping["mappings"]["properties"] | properties | {"event": event}}
    mapping["settings"].get("index", {}).pop("auto_expand_replicas", None)
    found.options(ignore_status=404).indices.delete(index="translation")
    found.indices.create(index="translation", **mapping)
    yield found
    found.indices.delete(index="translation")
    found.close()


def ask(client: Any, queries: Sequence[dict[str, Any]]) -> list[set[int]]:
    searches: list[Any] = []
    for query in queries:
        searches += ({"index": "translation"}, {"query": query, "size": 100, "_source": False, "sort": ["vonggac.offset"]})
    answer = client.msearch(searches=searches)
    for one in answer["responses"]:
        assert "error" not in one, str(one["error"])[:600]
    return [{hit["sort"][0] for hit in one["hits"]["hits"]} for one in answer["responses"]]


@settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(events, min_size=10, max_size=20), st.lists(nodes, min_size=NODES, max_size=NODES))
def test_translation_and_reference_agree(client: Any, sample: list[Event], asked: list[Node]) -> None:
    """``under`` finds only events that hold, ``over`` all of them, for any events and any query."""
    documents, lines = Documents("x"), []
    for n in range(20):
        if n < len(sample):
            stored = Stored(msgspec.structs.replace(sample[n], id=str(n)), n, 0)
            lines += ({"index": {"_id": str(n)}}, msgspec.to_builtins(documents.document(stored)))
        else:
            lines.append({"delete": {"_id": str(n)}})
    answer = client.bulk(index="translation", operations=lines, refresh=True)
    assert not [item for item in answer["items"] if "error" in next(iter(item.values()))]
    wide, sure = ask(client, [over(node) for node in asked]), ask(client, [under(node) for node in asked])
    for node, most, least in zip(asked, wide, sure, strict=True):
        want = {n for n, event in enumerate(sample) if holds(node, msgspec.structs.replace(event, id=str(n)))}
        assert least <= want, (node, [sample[n] for n in least - want])
        assert want <= most, (node, [sample[n] for n in want - most])


def test_plain_queries_need_no_second_look() -> None:
    """What analysts mostly type is decided by the cluster alone, but for marked events: fields, wildcards, ranges, one word."""
    for text in (
        "c-ip:203.0.113.5",
        "CommandLine:*mimikatz*",
        "sc-status:[500 TO 599]",
        "_exists_:User",
        "mimikatz",
        "happened_at:2026-11-21",
    ):
        assert under(parse(text)) != {"match_none": {}}, text


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_order_as_text(a: float, b: float) -> None:
    """The text of a number sorts as the number does."""
    assert (a < b) == (sortable(a) < sortable(b))
    assert (a == b) == (sortable(a) == sortable(b))
