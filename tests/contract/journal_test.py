"""What every Journal promises beside what a Bus does: checkpoints in the same commit, trimming, an end to what it takes."""

from random import Random
from typing import Any

import pytest

from model import FullError
from model.moment import SECOND


def pairs(*values: str) -> list[tuple[str, bytes]]:
    return [("k", v.encode()) for v in values]


async def test_empty_append_changes_nothing_but_checkpoints(journal_place: Any) -> None:
    """An append without records returns the end and still keeps its checkpoints."""
    journal = await journal_place.open()
    assert await journal.append("events", [], {"file:a": b"7"}) == 0
    assert await journal.checkpoint("file:a") == b"7"
    assert await journal.checkpoint("file:b") is None


async def test_checkpoint_is_overwritten(journal_place: Any) -> None:
    """The newest checkpoint of a name is the one kept."""
    journal = await journal_place.open()
    await journal.append("events", pairs("a"), {"file:a": b"1"})
    await journal.append("events", pairs("b"), {"file:a": b"2"})
    assert await journal.checkpoint("file:a") == b"2"


async def test_trim_drops_only_what_all_groups_are_done_with(journal_place: Any) -> None:
    """Trim keeps what a group still needs; offsets go on; a group never heard of holds everything."""
    journal = await journal_place.open()
    for start in range(0, 100, 10):
        await journal.append("events", pairs(*(str(n) for n in range(start, start + 10))))
    await journal.commit("a", "events", 70)
    await journal.commit("b", "events", 40)
    assert await journal.trim("events", ["a", "b", "unheard"]) == 0
    assert await journal.trim("events", ["a", "b"]) == 40
    assert await journal.trim("events", []) == 0
    assert await journal.trim("nothing", ["a"]) == 0
    assert [r.offset for r in await journal.read("events", 0, 3)] == [41, 42, 43]
    assert await journal.append("events", pairs("new")) == 101
    await journal.commit("a", "events", 101)
    await journal.commit("b", "events", 101)
    assert await journal.trim("events", ["a", "b"]) == 61
    assert await journal.read("events", 0, 10) == []
    assert await journal.end("events") == 101
    assert await journal.append("events", pairs("newer")) == 102


async def test_forget_drops_old_checkpoints_of_a_prefix(journal_place: Any) -> None:
    """Only checkpoints with the prefix and written before the time go."""
    journal = await journal_place.open()
    await journal.append("events", [], {"http:a": b"1", "http:%": b"2", "file:a": b"3", "http": b"4"})
    later = journal_place.clock.advance(SECOND)
    await journal.append("events", [], {"http:b": b"5"})
    assert await journal.forget("http:", later) == 2
    assert [await journal.checkpoint(n) for n in ("http:a", "http:%", "file:a", "http", "http:b")] == [
        None,
        None,
        b"3",
        b"4",
        b"5",
    ]


async def test_full_stores_nothing_and_recovers(journal_place: Any) -> None:
    """With no room an append raises FullError and leaves records and checkpoints as they were; after a trim it works again."""
    journal = await journal_place.open(max_bytes=400_000)
    noise = [("k", Random(n).randbytes(1000)) for n in range(100)]
    kept = 0
    with pytest.raises(FullError):
        for _ in range(20):
            kept = await journal.append("events", noise, {"file": str(kept + 100).encode()})
    assert kept > 0
    assert await journal.end("events") == kept
    assert await journal.checkpoint("file") == str(kept).encode()
    await journal.commit("a", "events", kept)
    assert await journal.trim("events", ["a"]) == kept
    assert await journal.append("events", noise) == kept + 100


@pytest.mark.lasting
async def test_checkpoints_outlive_a_restart(journal_place: Any) -> None:
    """A source goes on where it was."""
    journal = await journal_place.open()
    await journal.append("events", pairs("a"), {"file": b"2"})
    await journal.close()
    assert await (await journal_place.open()).checkpoint("file") == b"2"
