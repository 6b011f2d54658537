"""Events as documents of a bulk request, and back. Pure.

A document is the ECS document the house gives, plus ``vonggac``: what the event is made of again (its record as received stands
in ``event.original``), its place, and the terms it is found by.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from backbone.elastic_terms import TEXT, terms
from backbone.ports import Stored
from backbone.query_nodes import fold
from model import Event, LogSource, Micros
from model.moment import to_rfc3339

Ecs: TypeAlias = Callable[[Event, Micros], dict[str, Any]]
"""(event, stored at) → nested ECS document; ``vonggac`` in it is replaced."""

SOURCE: Final = {"includes": ["vonggac", "event.original"], "excludes": ["vonggac.terms", "vonggac.text"]}
"""The part of a document an event is made of again."""

_encoder: Final = msgspec.json.Encoder()
_fields: Final = msgspec.json.Decoder(dict[str, Any]).decode
_code = re.compile(r"[a-z0-9_.]{1,100}")
_plain_id = re.compile(r"[A-Za-z0-9_.-]+")


def stream(system: str, namespace: str) -> str:
    """The data stream of a system: its code in lower case, ``unassigned`` when unknown or no name for a data set."""
    code = system.lower().replace("-", "_")
    return f"logs-vonggac.{code if _code.fullmatch(code) else 'unassigned'}-{namespace}"


def streams(namespace: str) -> str:
    """All data streams of a namespace, as a pattern."""
    return f"logs-vonggac.*-{namespace}"


def bare(event: Event, stored_at: Micros) -> dict[str, Any]:
    """A document without ECS tables: for tests, and for an event the tables fail on."""
    return {"@timestamp": to_rfc3339(event.happened_at), "event": {"id": event.id, "original": event.original}}


class Documents:
    """Writes events as lines of a bulk request for the data streams of ``namespace``."""

    def __init__(self, namespace: str, ecs: Ecs = bare) -> None:
        self._namespace = namespace
        self._ecs = ecs
        self._actions: dict[str, bytes] = {}

    def add(self, stored: Stored, into: bytearray) -> None:
        """Append action and document of ``stored`` to ``into``."""
        event = stored.event
        into += self._action(event.system)
        if _plain_id.fullmatch(event.id):
            into += event.id.encode()
            into += b'"}}\n'
        else:
            into += _encoder.encode(event.id)[1:]
            into += b"}}\n"
        _encoder.encode_into(self.document(stored), into, -1)
        into += b"\n"

    def document(self, stored: Stored) -> dict[str, Any]:
        """The document of ``stored``."""
        event = stored.event
        document = self._ecs(event, stored.stored_at)
        document["vonggac"] = _own(stored)
        return document

    def _action(self, system: str) -> bytes:
        found = self._actions.get(system)
        if found is None:
            found = b'{"create":{"_index":"' + stream(system, self._namespace).encode() + b'","_id":"'
            if len(self._actions) > 1_000:
                self._actions.clear()
            self._actions[system] = found
        return found


def _own(stored: Stored) -> dict[str, Any]:
    event, logsource = stored.event, stored.event.logsource
    found = terms(event)
    own: dict[str, Any] = {
        "offset": stored.offset,
        "happened": event.happened_at,
        "received": event.received_at,
        "kept": min(event.happened_at, event.received_at),
        "stored": stored.stored_at,
        "system": event.system,
        "source": event.source,
        "format": event.format,
        "host": event.host,
        "peer": event.peer,
        "product": logsource.product,
        "categories": logsource.categories,
        "service": logsource.service,
        "tags": event.tags,
        "fields": _encoder.encode(event.fields).decode(),
        "terms": found,
    }
    if TEXT in found:
        own["text"] = fold(event.original)
    return own


def read(hit: dict[str, Any]) -> Stored:
    """The event of a search's hit, fetched with SOURCE."""
    source = hit["_source"]
    own = source["vonggac"]
    event = Event(
        id=hit["_id"],
        source=own["source"],
        happened_at=own["happened"],
        received_at=own["received"],
        original=source["event"]["original"],
        format=own["format"],
        logsource=LogSource(own["product"], tuple(own.get("categories", ())), own["service"]),
        system=own["system"],
        host=own["host"],
        peer=own["peer"],
        fields=_fields(own["fields"]),
        tags=tuple(own.get("tags", ())),
    )
    return Stored(event, own["offset"], own["stored"])
