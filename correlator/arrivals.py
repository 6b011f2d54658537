"""Topic ``events``, decoded."""

from typing import Final

import msgspec

from backbone.codec import decode_event
from backbone.ports import Bus, Record
from model import Event, Micros

TOPIC: Final = "events"
BATCH: Final = 250
"""Records read at once; much larger batches do not stay in the processor's cache, and cost more."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """An event at its place in the log; or the record that is none, and why."""

    offset: int
    appended_at: Micros
    event: Event | None = None
    refused: Record | None = None
    problem: str = ""


async def read(bus: Bus, after: int, limit: int = BATCH, wait: float = 0.0) -> list[Arrival]:
    """Up to ``limit`` records after offset ``after``, in order; empty when none came for ``wait`` seconds."""
    return [_decoded(record) for record in await bus.read(TOPIC, after, limit, wait)]


def _decoded(record: Record) -> Arrival:
    try:
        return Arrival(record.offset, record.appended_at, decode_event(record.value))
    except (msgspec.DecodeError, ValueError) as error:
        return Arrival(record.offset, record.appended_at, None, record, str(error))
