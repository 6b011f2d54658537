"""State of detection saved as changes and put back."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator import snapshot
from correlator.detection import Detection
from correlator.rule import Correlation, Rule
from model import Alert, Event, Expected, System
from model.moment import MINUTE, SECOND

START = 1_795_219_200_000_000
SYSTEMS = (System("dvc", 1, "Cổng DVC", "Portal", "", "", 3, expected=(Expected("web01", "nginx_access"),)),)


class Everything:
    """Rule 0 holds for every event, rule 1 for those of web02."""

    rules = (Rule("all", "All", "low", "r.yml", 1), Rule("two", "Two", "low", "r.yml", 2, alerts=False))
    correlations = (
        Correlation("n", "n", "N", "high", "event_count", ("all",), ("user",), MINUTE, ("gte", 3), "c.yml", 1),
        Correlation("o", "o", "O", "high", "temporal_ordered", ("two", "n"), ("user",), MINUTE, ("gte", 2), "c.yml", 2),
    )

    def match(self, event: Event) -> tuple[int, ...]:
        return (0, 1) if event.host == "web02" else (0,)


def event(number: int, rng: random.Random) -> Event:
    at = START + number * 7 * SECOND - rng.randint(0, 120) * SECOND
    host = rng.choice(["web01", "web02"])
    return Event(
        f"{number:032x}", "s", at, at, f"dòng {number}", "nginx_access", host=host, fields={"user": rng.choice(["an", "bình"])}
    )


def newest(alerts: list[Alert]) -> dict[str, Alert]:
    return {a.id: msgspec.structs.replace(a, revision=0) for a in alerts}


@given(seed=st.integers(0, 2**32), size=st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_only_changes_are_saved_and_nothing_is_missing(seed: int, size: int) -> None:
    """Rebuilt at random moments from the entries written so far, detection tells the same alerts as one never interrupted."""
    rng = random.Random(seed)
    events = [event(n, rng) for n in range(size)]
    steady, broken = Detection(Everything(), SYSTEMS, wall=False), Detection(Everything(), SYSTEMS, wall=False)
    entries: dict[tuple[str, str], bytes] = {}
    alerts: list[Alert] = []
    for made in events:
        steady.observe(made, made.received_at, START)
        broken.observe(made, made.received_at, START)
        if rng.random() < 0.4:
            alerts += broken.drain()
            puts, deletes = broken.changes(START)
            entries |= {(p.space, p.key): p.value for p in puts}
            for place in deletes:
                entries.pop(place, None)
            broken = Detection(Everything(), SYSTEMS, wall=False)
            useless = broken.restore(
                [(k, v) for (space, k), v in entries.items() if space == snapshot.WINDOWS],
                [(k, v) for (space, k), v in entries.items() if space == snapshot.SUPPRESSION],
                entries.get(snapshot.STREAM),
            )
            assert useless == 0
    for one in (steady, broken):
        one.flush(START)
    assert newest(alerts + broken.drain()) == newest(steady.drain())


def test_a_step_without_change_writes_only_the_stream() -> None:
    """After a save nothing is changed; the next save holds the stream's entry alone."""
    detection = Detection(Everything(), SYSTEMS, wall=False)
    detection.observe(event(1, random.Random(1)), START, START)
    assert detection.changed
    detection.drain()
    first, _ = detection.changes(START)
    assert {p.space for p in first} == {snapshot.WINDOWS, snapshot.SUPPRESSION, snapshot.STREAM[0]}
    assert not detection.changed
    again, gone = detection.changes(START)
    assert [(p.space, p.key) for p in again] == [snapshot.STREAM] and gone == ()


def test_expired_state_is_deleted() -> None:
    """What the watermark has passed is deleted from the store too."""
    detection = Detection(Everything(), (), wall=False)
    first = event(1, random.Random(1))
    detection.observe(first, START, START)
    puts, _ = detection.changes(START)
    detection.silence.observe(msgspec.structs.replace(first, happened_at=START + 600 * MINUTE, received_at=START + 600 * MINUTE))
    detection.tick(START)
    _, deletes = detection.changes(START)
    assert {(p.space, p.key) for p in puts if p.space != snapshot.STREAM[0]} == set(deletes)
