"""What only KafkaState promises: one owner, a copy that is the topic, exactly once whatever is killed or cancelled."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import IO, Any

import pytest

from backbone import kafka_transactions
from backbone.clock import ManualClock, SystemClock
from backbone.kafka_bus import KafkaBus
from backbone.kafka_cluster import Cluster
from backbone.kafka_reader import Reader
from backbone.kafka_state import KafkaState
from backbone.kafka_topics import TOMBSTONES, Topic, prepare
from backbone.kafka_transactions import FencedError
from backbone.kafka_view import KafkaView
from backbone.ports import Commit, Entry, Put
from backbone.signals import MemorySignals
from model import BackboneError, FullError
from tests.backbone.kafka_house import ROOT, fresh


async def owner(place: tuple[Cluster, str], copy: Path, **more: Any) -> KafkaState:
    return await KafkaState.open(place[0], MemorySignals(), SystemClock(), copy, prefix=place[1], **more)


async def everything(state: Any, *spaces: str) -> list[list[Entry]]:
    return [[e async for e in await state.scan(space)] for space in spaces]


async def test_the_older_owner_is_fenced(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """Of two owners of one partition only the younger can commit; the older stops with one sentence, for good."""
    place = await fresh(kafka.bootstrap, prefix), prefix
    old = await owner(place, tmp_path / "old.db")
    await old.commit(Commit(puts=(Put("s", "a", b"old"),)))
    new = await owner(place, tmp_path / "new.db")
    assert (await new.get("s", "a")).value == b"old"  # type: ignore[union-attr]
    for _ in range(2):
        with pytest.raises(FencedError, match="taken"):
            await old.commit(
                Commit(puts=(Put("s", "a", b"lost"),), appends=(("out", "k", b"lost"),), cursors=(("g", "events", 9),))
            )
    await new.commit(Commit(puts=(Put("s", "a", b"new", expect=1),), cursors=(("g", "events", 3),)))
    view = await KafkaView.open(place[0], MemorySignals(), SystemClock(), tmp_path / "view.db", prefix=place[1])
    bus = KafkaBus(place[0], MemorySignals(), prefix=place[1])
    assert (await view.get("s", "a")).value == b"new"  # type: ignore[union-attr]
    assert (await view.position("g", "events"), await bus.end("out")) == (3, 0)
    for one in (old, new, view, bus):
        await one.close()


async def test_an_owner_that_comes_back_sees_the_claim(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """An owner that had to start anew does not take the partition back from one that has claimed it meanwhile."""
    place = await fresh(kafka.bootstrap, prefix), prefix
    old = await owner(place, tmp_path / "old.db")
    await old.commit(Commit(puts=(Put("s", "a", b"old"),)))
    new = await owner(place, tmp_path / "new.db")
    old._doubtful = True  # as after a time-out
    with pytest.raises(FencedError):
        await old.position("g", "events")
    with pytest.raises(FencedError):
        await old.commit(Commit(puts=(Put("s", "a", b"lost"),)))
    for one in (old, new):
        await one.close()


async def test_a_new_copy_is_the_same(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """After a hundred random commits the owner's copy, a follower's and one read anew are equal in every version and change."""
    place, chance = (await fresh(kafka.bootstrap, prefix), prefix), random.Random(5)
    state = await owner(place, tmp_path / "copy.db")
    view = await KafkaView.open(place[0], MemorySignals(), SystemClock(), tmp_path / "view.db", prefix=place[1])
    for n in range(100):
        keys = [str(chance.randrange(60)) for _ in range(12)]
        puts = tuple(Put(chance.choice("ab"), key, os.urandom(chance.randrange(50)), n) for key in keys[:9])
        await state.commit(
            Commit(puts=puts, deletes=tuple((chance.choice("ab"), k) for k in keys[9:]), cursors=(("g", "events", n),))
        )
    want = await everything(state, "a", "b")
    anew = await KafkaView.open(place[0], MemorySignals(), SystemClock(), tmp_path / "anew.db", prefix=place[1])
    assert await everything(anew, "a", "b") == want
    for _ in range(100):
        if await view.position("g", "events") == 99:
            break
        await asyncio.sleep(0.05)
    assert await everything(view, "a", "b") == want
    with pytest.raises(BackboneError, match="follows"):
        await view.commit(Commit())
    for one in (state, view, anew):
        await one.close()


async def test_a_copy_that_slept_is_read_anew(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """A copy older than half the time Kafka keeps deletes is not gone on with: it could keep what was deleted."""
    place, clock, signals = (await fresh(kafka.bootstrap, prefix), prefix), ManualClock(), MemorySignals()
    for sleep in (TOMBSTONES // 3, TOMBSTONES):
        state = await KafkaState.open(place[0], signals, clock, tmp_path / "copy.db", prefix=place[1])
        await state.commit(Commit(puts=(Put("s", "a", b"1"),)))
        await state.close()
        clock.advance(sleep)
    assert signals.counts["kafka_copies_anew"] == 0
    state = await KafkaState.open(place[0], signals, clock, tmp_path / "copy.db", prefix=place[1])
    assert signals.counts["kafka_copies_anew"] == 1
    assert (await state.get("s", "a")).version == 2  # type: ignore[union-attr]
    await state.close()
    other = place[0], f"{prefix}other."
    with pytest.raises(BackboneError, match="is a copy of"):
        await owner(other, tmp_path / "copy.db")


async def test_what_cannot_be_committed_is_said(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """A record too long, a space with a slash, cursors of two groups, of no topic: one sentence each, and nothing stored."""
    place = await fresh(kafka.bootstrap, prefix), prefix
    state = await owner(place, tmp_path / "copy.db", max_record=1_000, patience=2.0)
    with pytest.raises(FullError, match="1000"):
        await state.commit(Commit(puts=(Put("s", "a", b"x" * 1_000),)))
    with pytest.raises(BackboneError, match="without /"):
        await state.commit(Commit(puts=(Put("s", "a", b"x"), Put("s/t", "a", b"x"))))
    with pytest.raises(BackboneError, match="one group"):
        await state.commit(Commit(puts=(Put("s", "a", b"x"),), cursors=(("g", "events", 1), ("h", "events", 1))))
    with pytest.raises(BackboneError, match="no such topic"):
        await state.commit(Commit(puts=(Put("s", "a", b"x"),), cursors=(("g", "nowhere", 1),)))
    assert await state.get("s", "a") is None
    await state.close()


@pytest.mark.slow
async def test_compaction_changes_nothing(make_kafka: Any, prefix: str, tmp_path: Path) -> None:
    """After Kafka compacted the topic and dropped its deletes, a copy read anew has the same entries, versions and changes."""
    kafka = make_kafka(log_cleaner_backoff_ms=100)
    await asyncio.to_thread(kafka.start)
    place, chance = (Cluster((kafka.bootstrap,)), prefix), random.Random(8)
    swift = {"segment.ms": "200", "min.cleanable.dirty.ratio": "0", "delete.retention.ms": "0"}
    state_topic = Topic(f"{prefix}state", 1, 1, 1, keep=0, settings=swift)
    await prepare(place[0], [Topic(f"{prefix}events", 1, 1, 1), state_topic])
    state = await owner(place, tmp_path / "copy.db")
    for n in range(60):
        puts = tuple(Put("a", str(chance.randrange(20)), b"%d" % n, n) for _ in range(9))
        await state.commit(Commit(puts=puts, deletes=(("a", str(n % 20)),), cursors=(("g", "events", n),)))
        await asyncio.sleep(0.05)
    await asyncio.sleep(4)
    await state.commit(Commit(puts=(Put("a", "last", b""),)))
    view = await KafkaView.open(place[0], MemorySignals(), SystemClock(), tmp_path / "anew.db", prefix=prefix)
    assert await everything(view, "a") == await everything(state, "a")
    assert await view.position("g", "events") == 59
    reader = Reader(view._contact, f"{prefix}state", 0)
    left, end = len(await reader.read(0, 10_000, 0)), await reader.newest()
    print(f"{left} records left of {end}")
    assert left < end / 2
    for one in (state, view, reader):
        await one.close()


@pytest.mark.slow
async def test_cancelled_commits_are_whole_or_not_at_all(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """Sixty commits cancelled at random moments: the state says which took effect, and each output is there exactly once."""
    place, chance = (await fresh(kafka.bootstrap, prefix), prefix), random.Random(3)
    state = await owner(place, tmp_path / "copy.db")
    done, cut = await state.position("g", "events"), 0
    while done < 60:
        n = done + 1
        step = Commit(puts=(Put("s", "n", b"%d" % n),), appends=(("out", "k", b"%d" % n),), cursors=(("g", "events", n),))
        task = asyncio.create_task(state.commit(step))
        if chance.random() < 0.7:
            await asyncio.sleep(chance.random() * 0.03)
            cut += task.cancel()
        await asyncio.wait([task])
        done = await state.position("g", "events")
        assert (await state.get("s", "n") or Entry("", b"0", 0, 0, 0)).value == b"%d" % done
    await state.commit(Commit(puts=(Put("s", "end", b""),)))
    bus = KafkaBus(place[0], MemorySignals(), prefix=place[1])
    await asyncio.sleep(0.3)
    assert [r.value for r in await bus.read("out", 0, 1000)] == [b"%d" % n for n in range(1, 61)]
    print(f"60 outputs once each, {cut} commits cancelled")
    for one in (state, bus):
        await one.close()


@pytest.mark.slow
async def test_a_killed_server_splits_no_commit(kafka_own: Any, prefix: str, tmp_path: Path) -> None:
    """kill -9 of the broker five times while one commit follows the other: none fails, each output is there exactly once."""
    place, chance, signals = (await fresh(kafka_own.bootstrap, prefix), prefix), random.Random(2), MemorySignals()
    state = await KafkaState.open(place[0], signals, SystemClock(), tmp_path / "copy.db", prefix=prefix)
    done, stop = 0, asyncio.Event()

    async def work() -> None:
        nonlocal done
        while not stop.is_set():
            n = done + 1
            step = Commit(puts=(Put("s", "n", b"%d" % n),), appends=(("out", "k", b"%d" % n),), cursors=(("g", "events", n),))
            await state.commit(step)
            done = n

    working = asyncio.create_task(work())
    for _ in range(5):
        await asyncio.sleep(0.5 + chance.random())
        await asyncio.to_thread(kafka_own.kill)
        await asyncio.to_thread(kafka_own.start)
    await asyncio.sleep(1)
    stop.set()
    await working
    bus = KafkaBus(place[0], signals, prefix=prefix)
    await asyncio.sleep(0.5)
    assert [r.value for r in await bus.read("out", 0, 100_000)] == [b"%d" % n for n in range(1, done + 1)]
    assert await state.position("g", "events") == done
    print(f"{done} outputs once each; {signals.counts}")
    for one in (state, bus):
        await one.close()


@pytest.mark.slow
async def test_an_unknown_outcome_is_found_out(
    kafka_own: Any, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that stops answering in mid-commit, four times: each outcome is read off the topic, each output is there once."""
    monkeypatch.setattr(kafka_transactions, "LONGEST", 1.5)
    place, chance, signals = (await fresh(kafka_own.bootstrap, prefix), prefix), random.Random(4), MemorySignals()
    state = await KafkaState.open(place[0], signals, SystemClock(), tmp_path / "copy.db", prefix=prefix)
    stop, done = asyncio.Event(), 0

    async def work() -> None:
        nonlocal done
        while not stop.is_set():
            n = done + 1
            await state.commit(Commit(appends=(("out", "k", b"%d" % n),), cursors=(("g", "events", n),)))
            done = n

    working = asyncio.create_task(work())
    for _ in range(4):
        await asyncio.sleep(0.3 + chance.random() * 0.2)
        kafka_own.pause()
        await asyncio.sleep(7)  # the transaction's time, the abort's, and some of the recovery's
        kafka_own.go_on()
    await asyncio.sleep(1)
    stop.set()
    await working
    bus = KafkaBus(place[0], signals, prefix=prefix)
    await asyncio.sleep(0.5)
    assert [r.value for r in await bus.read("out", 0, 100_000)] == [b"%d" % n for n in range(1, done + 1)]
    assert signals.counts["kafka_commits_unknown"] >= 1
    print(f"{done} outputs once each; {signals.counts}")
    for one in (state, bus):
        await one.close()


async def test_a_follower_wakes(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """Who waits for changes in a follower's process hears of the owner's commit at once."""
    place = await fresh(kafka.bootstrap, prefix), prefix
    state = await owner(place, tmp_path / "copy.db")
    view = await KafkaView.open(place[0], MemorySignals(), SystemClock(), tmp_path / "view.db", prefix=prefix)
    waiting = asyncio.create_task(view.changes("alerts", 0, 10, wait=10))
    await asyncio.sleep(0.3)
    began = asyncio.get_running_loop().time()
    await state.commit(Commit(puts=(Put("alerts", "a", b"1", 5),)))
    assert await waiting == [await state.get("alerts", "a")]
    assert asyncio.get_running_loop().time() - began < 1
    for one in (state, view):
        await one.close()


WORKER = """
import asyncio, sys
from pathlib import Path
from backbone import kafka_transactions
from backbone.clock import SystemClock
from backbone.kafka_bus import KafkaBus
from backbone.kafka_cluster import Cluster
from backbone.kafka_state import KafkaState
from backbone.ports import Commit, Put
from backbone.signals import MemorySignals

async def main(bootstrap, prefix, copy, total):
    cluster, signals = Cluster((bootstrap,)), MemorySignals()
    bus = KafkaBus(cluster, signals, prefix=prefix)
    state = await KafkaState.open(cluster, signals, SystemClock(), Path(copy), prefix=prefix)
    done = await state.position("g", "events")
    entry = await state.get("s", "sum")
    total_so_far = int(entry.value) if entry else 0
    print(done, flush=True)
    while done < int(total):
        records = await bus.read("events", done, 37, 0.2)
        if not records:
            continue
        total_so_far += sum(int(r.value) for r in records)
        done = records[-1].offset
        await state.commit(Commit(
            puts=(Put("s", "sum", b"%d" % total_so_far),),
            appends=tuple(("out", r.key, r.value) for r in records),
            cursors=(("g", "events", done),)))
    await state.close(); await bus.close()

asyncio.run(main(*sys.argv[1:]))
"""


def started(lines: IO[str]) -> int:
    """The offset a worker says it starts from, among its log lines."""
    return next(int(line) for line in lines if line.strip().isdigit())


@pytest.mark.slow
async def test_a_killed_loop_tells_each_output_once(kafka: Any, prefix: str, tmp_path: Path) -> None:
    """read → transform → commit, killed 20 times at random moments, with its copy and without: each output exactly once."""
    place, chance, total = (await fresh(kafka.bootstrap, prefix), prefix), random.Random(11), 30_000
    bus = KafkaBus(place[0], MemorySignals(), prefix=place[1])
    for start in range(0, total, 5_000):
        await bus.append("events", [(f"k{n % 7}", b"%d" % n) for n in range(start, start + 5_000)])
    starts = []
    for n in range(21):
        copy = tmp_path / ("copy.db" if n % 2 else f"copy{n}.db")
        line = [sys.executable, "-c", WORKER, kafka.bootstrap, place[1], str(copy), str(total)]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ})
        assert process.stdout is not None
        starts.append(await asyncio.to_thread(started, process.stdout))
        if n < 20:
            await asyncio.sleep(chance.random() * 0.8)
            process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
    assert process.returncode == 0
    got: Counter[bytes] = Counter()
    at = 0
    while records := await bus.read("out", at, 10_000, 0.5):
        got.update(r.value for r in records)
        at = records[-1].offset
    view = await KafkaView.open(place[0], MemorySignals(), SystemClock(), tmp_path / "view.db", prefix=place[1])
    entry = await view.get("s", "sum")
    print(json.dumps({"inputs": total, "outputs": got.total(), "twice": sum(n > 1 for n in got.values()), "starts": starts}))
    assert got == Counter(b"%d" % n for n in range(total))
    assert entry is not None and int(entry.value) == sum(range(total))
    for one in (bus, view):
        await one.close()
