"""Records of topic ``events`` come decoded, in order, and what is no event is handed on."""

from backbone.clock import ManualClock
from backbone.codec import encode, encode_event
from backbone.memory_bus import MemoryBus
from correlator import arrivals
from model import Event


def event(number: int) -> Event:
    return Event(f"{number:032x}", "s", number, number, "", "f")


async def test_what_is_no_event_is_handed_on_with_its_reason() -> None:
    """The record, whole, so that it can be buried; its neighbours are not touched. Events as JSON, of older logs, are read."""
    bus = MemoryBus(ManualClock())
    await bus.append("events", [("s", encode_event(event(1))), ("x", b"\xff\x00"), ("y", b""), ("s", encode(event(4)))])
    first, second, third, fourth = await arrivals.read(bus, 0)
    assert (first.event, fourth.event) == (event(1), event(4))
    for refused, key in ((second, "x"), (third, "y")):
        assert refused.event is None and refused.refused is not None and refused.refused.key == key and refused.problem


async def test_pages_of_the_log() -> None:
    """From an offset on, at most as many as asked for; nothing new is an empty answer, and what comes later is found."""
    bus = MemoryBus(ManualClock())
    assert not await arrivals.read(bus, 0, wait=0.01)
    await bus.append("events", [("s", encode_event(event(n))) for n in range(1, 6)])
    assert [a.offset for a in await arrivals.read(bus, 1, 3)] == [2, 3, 4]
    assert [a.offset for a in await arrivals.read(bus, 4)] == [5]
