"""Sources that must keep talking."""

from correlator.silence import Silence
from model import Event, Expected, System
from model.moment import DAY, MINUTE, SECOND

START = 1_795_219_200_000_000
SYSTEMS = (System("kho", 19, "Kho dữ liệu", "Warehouse", "", "", 3, expected=(Expected("db01", "postgresql", 15 * MINUTE),)),)


def event(host: str, at: int, received: int | None = None, format: str = "postgresql", tags: tuple[str, ...] = ()) -> Event:
    return Event("e", "s", at, at if received is None else received, "", format, host=host, tags=tags)


def test_silent_and_back_are_said_once_each() -> None:
    """The stream goes on for more than the limit without a word: said once; the next word: said once; then silence again."""
    s = Silence(SYSTEMS, wall=False)
    s.observe_batch([event("DB01", START), event("web01", START + 15 * MINUTE, format="nginx_access")])
    assert s.tick(s.stream.newest, START) == []
    s.observe(event("web01", START + 16 * MINUTE, format="nginx_access"))
    (silent,) = s.tick(s.stream.newest, START)
    assert s.tick(s.stream.newest, START) == []
    assert silent.logsource.product == "vonggac" and silent.logsource.service == "soc"
    assert (silent.format, silent.system, silent.host) == ("soc", "kho", "db01")
    assert silent.fields["event"] == "source_silent" and silent.fields["silent_for_seconds"] == 960
    assert "im lặng" in silent.fields["message"] and "silent since" in silent.fields["message"]
    s.observe(event("db01", START + 20 * MINUTE))
    (back,) = s.tick(s.stream.newest, START)
    assert back.fields["event"] == "source_back" and back.fields["silent_for_seconds"] == 20 * 60
    s.observe(event("web01", START + 50 * MINUTE))
    assert [e.fields["event"] for e in s.tick(s.stream.newest, START)] == ["source_silent"]


def test_ids_are_the_same_at_every_replay() -> None:
    """Two runs over the same events say the same with the same id; another silence has another id."""

    def run(last: int) -> str:
        s = Silence(SYSTEMS, wall=False)
        s.observe_batch([event("db01", last), event("web01", last + DAY)])
        return s.tick(s.stream.newest, 0)[0].id

    assert run(START) == run(START) != run(START + 1)


def test_a_source_never_heard_is_not_missed() -> None:
    """Only what talked once can fall silent."""
    s = Silence(SYSTEMS)
    s.observe(event("web01", START))
    assert s.tick(s.stream.newest, START) == s.tick(s.stream.newest, START + DAY) == []


def test_a_time_in_the_future_moves_nothing() -> None:
    """An event tagged as future, or more than a day ahead of its reception, does not silence all others."""
    s = Silence(SYSTEMS, wall=False)
    s.observe(event("db01", START))
    s.observe(event("web01", START + 10 * DAY, received=START))
    s.observe(event("web01", START + DAY // 2, received=START, tags=("time:future",)))
    assert s.stream.newest == START and s.tick(s.stream.newest, START) == []


def test_a_source_that_lags_but_talks_is_not_silent() -> None:
    """A source an hour behind the others, still read in turn, is not cut off."""
    s = Silence(SYSTEMS, wall=False)
    for minute in range(60):
        s.observe(event("web01", START + minute * MINUTE))
        s.observe(event("db01", START - 60 * MINUTE + minute * MINUTE))
        assert s.tick(s.stream.newest, START) == []


def test_wall_clock_notices_when_everything_is_quiet() -> None:
    """Nothing received for the limit: said by wall clock, but not during replays, not while behind, not at once after a start."""
    s, replay = Silence(SYSTEMS), Silence(SYSTEMS, wall=False)
    for watch in (s, replay):
        watch.observe(event("db01", START))
        assert watch.tick(watch.stream.now(), START) == []
    later = START + 16 * MINUTE
    assert s.tick(s.stream.newest, later, caught_up=False) == []
    assert replay.tick(replay.stream.now(), later) == []
    started = Silence(SYSTEMS)
    started.restore(s.state())
    assert started.tick(started.stream.now(), START + DAY) == [], "we were down, not the source"
    assert started.tick(started.stream.now(), START + DAY + 15 * MINUTE + SECOND)[0].fields["event"] == "source_silent"
    assert s.tick(s.stream.newest, later)[0].fields["event"] == "source_silent"


def test_state_survives() -> None:
    """Restored in the middle of a silence it neither says it again nor forgets to say that it ended."""
    s = Silence(SYSTEMS, wall=False)
    s.observe_batch([event("db01", START), event("web01", START + DAY)])
    assert len(s.tick(s.stream.newest, 0)) == 1
    restored = Silence(SYSTEMS, wall=False)
    restored.restore(s.state())
    assert restored.tick(restored.stream.now(), 0) == []
    restored.observe(event("db01", START + DAY))
    assert [e.fields["event"] for e in restored.tick(restored.stream.now(), 0)] == ["source_back"]
