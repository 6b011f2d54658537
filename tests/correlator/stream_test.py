"""How far the stream is in event time."""

from correlator.stream import IDLE, Stream
from model import Event
from model.moment import DAY, HOUR, MINUTE, SECOND

START = 1_795_219_200_000_000


def event(source: str, happened: int, received: int, *tags: str) -> Event:
    return Event(
        id=f"{source}{happened}{received}",
        source=source,
        happened_at=happened,
        received_at=received,
        original="",
        format="json",
        tags=tags,
    )


def test_the_slowest_active_source_counts() -> None:
    """While a live source and one that is read a day behind both talk, the stream is where the slower one is."""
    stream = Stream()
    stream.observe(event("live", START, START))
    stream.observe(event("old", START - DAY, START))
    assert (stream.newest, stream.now()) == (START, START - DAY)
    stream.observe(event("old", START - DAY + HOUR, START + SECOND))
    assert stream.now() == START - DAY + HOUR


def test_an_idle_source_does_not_hold_the_stream_back() -> None:
    """A source that was not received for a moment no longer counts; when it comes back it does again."""
    stream = Stream()
    stream.observe(event("slow", START - HOUR, START))
    stream.observe(event("live", START + IDLE + SECOND, START + IDLE + SECOND))
    assert stream.now() == START + IDLE + SECOND
    stream.observe(event("slow", START - HOUR + MINUTE, START + IDLE + SECOND))
    assert stream.now() == START - HOUR + MINUTE
    assert stream.now(START + MINUTE) == stream.newest, "nothing comes any more: the newest counts"


def test_events_without_a_time_of_their_own_say_nothing() -> None:
    """Neither a time of reception nor one in the future moves the stream."""
    stream = Stream()
    stream.observe(event("old", START - DAY, START))
    stream.observe(event("bare", START, START, "time:received"))
    stream.observe(event("liar", START + HOUR, START, "time:future"))
    stream.observe(event("liar", START + 2 * DAY, START))
    assert (stream.newest, stream.now()) == (START - DAY, START - DAY)


def test_state_survives_and_is_bounded() -> None:
    """Saved and restored it says the same; ten thousand invented sources are not all remembered."""
    stream = Stream()
    for n in range(10_000):
        stream.observe(event(f"s{n}", START + n, START + n))
    restored = Stream()
    restored.restore(stream.saved())
    assert (restored.newest, restored.now()) == (stream.newest, stream.now())
    assert len(stream.saved()[2]) <= 1_000
