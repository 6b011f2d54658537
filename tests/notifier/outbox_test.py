"""The outbox in memory."""

from hypothesis import given
from hypothesis import strategies as st

from model import Delivery
from notifier.outbox import Outbox

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("note"), st.sampled_from("abc"), st.integers(0, 20), st.sampled_from(("waiting", "delivered"))),
        st.tuples(st.just("take"), st.integers(0, 30)),
        st.tuples(st.just("release"), st.sampled_from("abc")),
        st.tuples(st.just("hasten"), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(steps=STEPS)
def test_nothing_waiting_is_forgotten_and_nobody_is_taken_twice(steps: list[tuple[object, ...]]) -> None:
    """Whatever happens in which order: one worker an incident, and in the end all that waits can be taken."""
    outbox, busy, waiting = Outbox(), set[str](), set[str]()
    for step in steps:
        match step:
            case ("note", str(id), int(due), "waiting"):
                outbox.note(Delivery(id, 1, due_at=due), 0)
                waiting.add(id)
            case ("note", str(id), int(due), _):
                outbox.note(Delivery(id, 1, due_at=due, state="delivered"), 0)
                waiting.discard(id)
            case ("take", int(now)):
                if (got := outbox.take(now)) is not None:
                    assert got in waiting and got not in busy
                    busy.add(got)
            case ("release", str(id)) if id in busy:
                outbox.release(id)
                busy.discard(id)
            case ("hasten", int(due)):
                outbox.hasten(lambda due=due: due)
        assert outbox.busy == len(busy) and len(outbox) == len(waiting)
    for id in busy:
        outbox.release(id)
    assert {outbox.take(100) for _ in range(4)} - {None} == waiting


def test_longest_due_first() -> None:
    """Among the due ones the longest due goes first; what is not due yet stays."""
    outbox = Outbox()
    for id, due in (("late", 9), ("b", 2), ("a", 1)):
        outbox.note(Delivery(id, 1, due_at=due), 0)
    assert [outbox.take(5) for _ in range(3)] == ["a", "b", None]
    assert outbox.oldest(7) == 7
