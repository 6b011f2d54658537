"""What every EventStore promises."""

from collections.abc import Sequence
from typing import Any

import pytest

from backbone.ports import Search, Stored
from model import Event, LogSource, QueryError, event_id
from model.moment import DAY, HOUR, MINUTE, SECOND

START = 1_795_219_200 * SECOND


def stored(offset: int, *, at: int | None = None, **more: Any) -> Stored:
    happened = START + offset * SECOND if at is None else at
    original = more.pop("original", f"line {offset} đăng nhập")
    event = Event(
        id=event_id("portal", str(offset)),
        source="portal",
        happened_at=happened,
        received_at=more.pop("received_at", happened + 5),
        original=original,
        format=more.pop("format", "portal"),
        logsource=more.pop("logsource", LogSource("dvc", ("webserver",), "application")),
        system=more.pop("system", "dvc"),
        host=more.pop("host", "web-01"),
        fields=more.pop("fields", {"user": f"user{offset % 3}", "size": offset, "c-ip": f"203.0.113.{offset % 5}"}),
        **more,
    )
    return Stored(event, offset, happened + 10)


async def fill(store: Any, events: Sequence[Stored], step: int = 17) -> None:
    for start in range(0, len(events), step):
        await store.write(events[start : start + step])


async def every(store: Any, **search: Any) -> list[int]:
    """Offsets of all pages joined."""
    seen: list[int] = []
    after = ""
    while True:
        found = await store.search(Search(after=after, **search))
        seen += [s.offset for s in found.events]
        if not found.next:
            return seen
        after = found.next


async def test_events_come_back_as_they_were(events_place: Any) -> None:
    """Every attribute, any Unicode and any kind of field value survives, before and after it is written out."""
    store = await events_place.open()
    odd = stored(
        1,
        original='Nguyễn\0 \\ "x" \n 😀',
        peer="10.0.0.1",
        tags=("a", "time:received"),
        logsource=LogSource("windows", ("registry_set", "registry_event"), ""),
        fields={
            "a.b-c/d~e": [1, None, True, "ễ", 1.5],
            "": "",
            "EventID": 4625,
            "User": ["a", "b"],
            "n": None,
            "f": 0.1,
            'q"\\': "x",
        },
    )
    bare = Stored(Event(id="x", source="", happened_at=0, received_at=0, original="", format=""), 2, 3)
    await store.write([odd, bare])
    for _ in range(2):
        assert (await store.search(Search())).events == (odd, bare)
        assert await store.get(odd.event.id) == odd
        assert await store.get("x") == bare
        assert await store.get("never") is None
        assert await store.flush() == 2


async def test_pages_join_newest_first(events_place: Any) -> None:
    """Pages follow (happened_at, offset) downwards without gap or repeat, whatever order events came in."""
    store = await events_place.open()
    events = [stored(n, at=START + (n * 7919 % 40) * SECOND) for n in range(1, 301)]
    await fill(store, events)
    want = [s.offset for s in sorted(events, key=lambda s: (s.event.happened_at, s.offset), reverse=True)]
    assert await every(store, limit=37) == want
    found = await store.search(Search(limit=10))
    assert (found.total, len(found.events), found.partial) == (300, 10, False)
    assert found.searched >= 300
    picky = await every(store, text="user:user1", limit=7)
    assert picky == [o for o in want if o % 3 == 1]
    assert (await store.search(Search(text="user:user1", limit=0))).total == 100


async def test_time_is_half_open(events_place: Any) -> None:
    """An event at ``since`` is in, one at ``until`` is not."""
    store = await events_place.open()
    await fill(store, [stored(n) for n in range(1, 11)])
    assert await every(store, since=START + 3 * SECOND, until=START + 6 * SECOND) == [5, 4, 3]


async def test_queries_mean_what_the_language_says(events_place: Any) -> None:
    """A few of each kind; the property test compares the rest with ``query.holds``."""
    store = await events_place.open()
    await fill(store, [stored(n) for n in range(1, 61)])
    await store.write([stored(61, system="mail", fields={"username": "NGUYỄN AN", "src_ip": "10.0.0.7"}, original="khác hẳn")])
    for text, count in {
        "system:mail": 1,
        "SYSTEM:Mail": 1,
        "source.ip:203.0.113.1": 12,
        "c-ip:203.0.113.?": 60,
        "size:[10 TO 19]": 10,
        "size:>=59": 2,
        "NOT _exists_:size": 1,
        'user.name:"nguye\u0302\u0303n an"': 1,
        "user.name:*an OR user:user0": 21,
        "KHÁC": 1,
        "đăng -user:user1": 40,
        "category:webserver tag:x": 0,
        "happened_at:[2026-11-21T07:00:10 TO 2026-11-21T07:00:12]": 3,
    }.items():
        assert (await store.search(Search(text=text))).total == count, text


async def test_nonsense_is_a_query_error(events_place: Any) -> None:
    """What cannot be understood is said to be so: query, page mark, page size, buckets."""
    store = await events_place.open()
    for search in (Search(text="(a"), Search(after="x"), Search(limit=10**9), Search(text="user:/x/")):
        with pytest.raises(QueryError):
            await store.search(search)
    for buckets in (0, 10**6):
        with pytest.raises(QueryError):
            await store.histogram(Search(since=0, until=HOUR), buckets)


async def test_histogram_counts_every_event_once(events_place: Any) -> None:
    """Buckets cover the time, empty ones included, and their counts add up."""
    store = await events_place.open()
    await fill(store, [stored(n) for n in range(1, 101)])
    search = Search(since=START, until=START + MINUTE + 40 * SECOND + 1)
    counts = await store.histogram(search, 7)
    assert len(counts) == 7
    assert sum(count for _, count in counts) == 100
    assert counts[0][0] == START
    for (start, count), (end, _) in zip(counts, [*counts[1:], (search.until, 0)], strict=True):
        assert count == (await store.search(Search(since=start, until=end))).total
    assert sum(c for _, c in await store.histogram(Search(text="user:user2", since=START - HOUR, until=START + HOUR), 60)) == 33


async def test_a_replay_stores_nothing_twice(events_place: Any) -> None:
    """Events already taken are ignored, alone or at the beginning of a batch, before and after a restart."""
    store = await events_place.open()
    events = [stored(n) for n in range(1, 121)]
    await fill(store, events)
    assert await store.write(events[:30]) <= 120
    await store.write(events[90:])
    assert (await store.search(Search())).total == 120
    durable = await store.resume()
    assert durable is not None
    if events_place.lasting:
        await store.close()
        store = await events_place.open()
        assert await store.resume() == 120
        await store.write(events)
        assert (await store.search(Search())).total == 120
    assert await store.flush() == 120


async def test_expire_keeps_what_a_system_still_needs(events_place: Any) -> None:
    """Old events go when all systems among them allow it; a system's limit beats the default; a false future keeps nothing."""
    store = await events_place.open()
    old, new = START - 30 * DAY, START
    await store.write([stored(1, at=old), stored(2, at=old, received_at=old, system="mail")])
    await store.flush()
    await store.write([stored(3, at=old + 9 * DAY, system="dvc"), stored(4, at=new)])
    await store.flush()
    await store.write([stored(5, at=START + 9000 * DAY, received_at=old)])
    await store.flush()
    assert await store.expire({"dvc": START - 60 * DAY, "": START - 60 * DAY}) == 0
    dropped = await store.expire({"dvc": START - 10 * DAY, "mail": START - 60 * DAY})
    assert dropped in (2, 3)  # whole segments: mail may hold its neighbour
    left = await every(store)
    assert 2 in left and 4 in left and 3 not in left and 5 not in left
    assert await store.expire({"": START - DAY}) == 4 - dropped
    assert await every(store) == [4]
