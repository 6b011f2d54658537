"""One commit in the making: events understood and encoded, and what to count about them."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog

from backbone.codec import encode_event
from backbone.signals import Signals
from collector.intake_queue import Entry
from model import Event, Micros, RawRecord, event_id

_log = structlog.get_logger()


class Understanding(Protocol):
    """Turns records into events (``collector.normalize.Normalizer``); may hold records back to join them."""

    def understand(self, record: RawRecord) -> list[Event]: ...

    def tick(self, now: Micros) -> list[Event]:
        """Events of held records that waited long enough."""
        ...

    def pending(self) -> bytes:
        """What is held back, ``b""`` when nothing."""
        ...

    def restore(self, state: bytes) -> None:
        """Hold exactly what ``state`` says and nothing else."""
        ...


class Batch:
    """Encoded events as (source, bytes). ``formats`` counts events by (source, format), ``crashed`` records by source."""

    def __init__(self, encode: Callable[[Event], bytes] = encode_event) -> None:
        self._encode = encode
        self.events: list[tuple[str, bytes]] = []
        self.formats: Counter[tuple[str, str]] = Counter()
        self.crashed: Counter[str] = Counter()

    def add(self, events: Iterable[Event]) -> None:
        formats, out, encode = self.formats, self.events, self._encode
        for event in events:
            out.append((event.source, encode(event)))
            formats[event.source, event.format] += 1

    def understand(self, records: Sequence[RawRecord], understanding: Understanding) -> None:
        """Add the events of ``records``. A record that makes a parser fail in an unforeseen way is kept as received."""
        out, formats, understand, encode = self.events, self.formats, understanding.understand, self._encode
        for record in records:
            mark = len(out)
            try:
                events = understand(record)
                for event in events:
                    out.append((event.source, encode(event)))
            except Exception:
                del out[mark:]
                _log.exception("parser_crashed", source=record.source, cursor=record.cursor)
                self.crashed[record.source] += 1
                events = [as_received(record)]
                out.append((record.source, encode(events[0])))
            for event in events:
                formats[event.source, event.format] += 1

    def count(self, entries: Sequence[Entry], signals: Signals) -> None:
        """Tell ``signals`` what is durable now."""
        for (source, kind), amount in self.formats.items():
            signals.count("collector_records", amount, source=source, format=kind)
            if kind == "unparsed":
                signals.count("collector_unparsed", amount, source=source)
        for source, amount in self.crashed.items():
            signals.count("collector_crashed", amount, source=source)
        sizes, cut = Counter[str](), Counter[str]()
        for entry in entries:
            if entry.records:
                source = entry.records[0].source
                sizes[source] += sum(len(r.data) for r in entry.records)
                cut[source] += sum(1 for r in entry.records if r.tags and "truncated" in r.tags)
        for source, amount in sizes.items():
            signals.count("collector_bytes", amount, source=source)
            if cut[source]:
                signals.count("collector_truncated", cut[source], source=source)


def as_received(record: RawRecord) -> Event:
    """The event of a record nobody understood: its text, undecodable bytes replaced."""
    text = record.data.decode("utf-8", "replace")
    return Event(
        id=event_id(record.source, record.cursor),
        source=record.source,
        happened_at=record.received_at,
        received_at=record.received_at,
        original=text,
        format="unparsed",
        peer=record.peer,
        fields={"message": text},
        tags=(*record.tags, "unparsed", "parser:crashed", "time:received"),
    )
