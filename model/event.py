"""A record as it came in, and the event made of it.

These are never part of a cycle, so they are kept from the garbage collector (``gc=False``), which would walk them all the time.
"""

from hashlib import blake2b
from typing import Any

import msgspec

from model.moment import Micros


class LogSource(msgspec.Struct, frozen=True, gc=False):
    """Where an event comes from, in Sigma's terms (specification 2.1, "Log source").

    An event may belong to several categories (a Sysmon registry event is ``registry_set`` and ``registry_event``).
    Empty means unknown.
    """

    product: str = ""
    categories: tuple[str, ...] = ()
    service: str = ""


class RawRecord(msgspec.Struct, frozen=True, gc=False):
    """What a source read, before anything is understood.

    ``cursor`` is the position in the source, unique within it and the same at every replay
    (a file's fingerprint and byte offset; a request's idempotency key and index).
    ``peer`` is the sender's address or the file's path. ``tags`` says what the source did to it (``truncated``).
    """

    source: str
    cursor: str
    data: bytes
    received_at: Micros
    peer: str = ""
    tags: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One log event. ``fields`` carries the Sigma taxonomy of its log source (CommandLine, c-ip, …).

    ``happened_at`` is the event's own time, or ``received_at`` when it names none (tag ``time:received``).
    ``format`` is the parser that understood it, ``unparsed`` when none did. ``host`` is the machine that wrote it.
    ``system`` is a code of ``config/systems.yml``, empty when unknown. ``original`` is the record as received.
    Values in ``fields`` are str, int, float, bool, None or a list of these.
    """

    id: str
    source: str
    happened_at: Micros
    received_at: Micros
    original: str
    format: str
    logsource: LogSource = LogSource()
    system: str = ""
    host: str = ""
    peer: str = ""
    fields: dict[str, Any] = {}
    tags: tuple[str, ...] = ()


def event_id(source: str, cursor: str) -> str:
    """Deterministic id of the record at ``cursor`` of ``source``: 32 hex digits. A replay gives the same id."""
    return blake2b(f"{source}\0{cursor}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
