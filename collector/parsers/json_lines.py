"""One JSON object a record (RFC 8259), flattened into dotted names when no shape knows it better.

Bounds: 64 levels of nesting, 1,000 fields, names of 256 and values of 65,536 characters, 1,000 values a list; what is cut is
tagged ``field-truncated`` and counted in the field ``truncated_fields``. Duplicate keys: the last one wins, as in every other
JSON reader on the way. A lone surrogate (``"\\ud800"``) becomes U+FFFD. Objects in a list give one list a name:
``{"a": [{"b": 1}, {"b": 2}]}`` is ``a.b: [1, 2]``. An empty object is an empty list.
"""

import json
from typing import Any, Final

import msgspec

from collector.parsers import times
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

DEPTH: Final = 64
FIELDS: Final = 1000
NAME: Final = 256
VALUE: Final = 65_536
VALUES: Final = 1000
TIMES: Final = (
    *(
        "@timestamp",
        "timestamp",
        "time",
        "ts",
        "eventTime",
        "event_time",
        "datetime",
        "date",
        "created_at",
        "time_local",
        "unixTime",
    ),
    *("EventTime", "TimeGenerated", "event.created", "asctime"),
)
HOSTS: Final = ("host.name", "hostname", "host", "Hostname", "computer", "host.hostname", "agent.hostname", "beat.hostname")
MESSAGES: Final = ("message", "msg", "Message", "event.original", "log", "error.message")
_NEW: Final = object()
_NESTS: Final = frozenset((dict, list))
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def decode(text: str) -> dict[str, Any]:
    """The object ``text`` holds. ParseError when it is none, or nests deeper than DEPTH."""
    try:
        document = _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        document = _forgiving(text, error)
    # Most records are flat; in others counting brackets is far cheaper than walking.
    if (
        not _NESTS.isdisjoint(map(type, document.values()))
        and text.count("{") + text.count("[") > DEPTH
        and not _is_shallow(document)
    ):
        raise ParseError(f"JSON nests deeper than {DEPTH} levels")
    return document


def _forgiving(text: str, error: Exception) -> dict[str, Any]:
    """Objects only a laxer reader takes: lone surrogates, control characters in strings, NaN. Else ParseError of ``error``."""
    if text[:1] == "{" and not isinstance(error, RecursionError):
        try:
            document = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(document, dict) and _is_shallow(document):
                return dict(_scrub(document))
    raise ParseError(f"not a JSON object: {str(error)[:200]}") from None


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_scrub(name): _scrub(inner) for name, inner in value.items()}
    return [_scrub(inner) for inner in value] if isinstance(value, list) else value


def _is_shallow(document: dict[str, Any]) -> bool:
    """Whether ``document`` nests at most DEPTH levels; level by level, without recursion."""
    layer: list[Any] = [value for value in document.values() if type(value) is dict or type(value) is list]
    for _ in range(DEPTH):
        if not layer:
            return True
        layer = [
            value
            for parent in layer
            for value in (parent.values() if type(parent) is dict else parent)
            if type(value) is dict or type(value) is list
        ]
    return not layer


class _Flat:
    """The fields of one object, and how many were cut or left out."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.cut = 0

    def take(self, name: str, value: Any) -> None:
        if type(value) is dict:
            if not value:
                self.put(name, [])
            for key, inner in value.items():
                self.take(f"{name[:NAME]}.{key}", inner)
        elif type(value) is list and any(type(inner) is dict or type(inner) is list for inner in value):
            for inner in value[:VALUES]:
                self.take(name, inner)
            self.cut += max(0, len(value) - VALUES)
        else:
            self.put(name, value)

    def put(self, name: str, value: Any) -> None:
        """Store one plain value; a second one under the same name makes a list."""
        if len(name) > NAME or (type(value) is list and len(value) > VALUES):
            self.cut += 1
            name = name[:NAME]
            value = value[:VALUES] if type(value) is list else value
        known = self.fields.get(name, _NEW)
        if known is _NEW:
            if len(self.fields) >= FIELDS:
                self.cut += 1
                return
            self.fields[name] = value
            return
        if type(known) is not list:
            known = self.fields[name] = [known]
        room = VALUES - len(known)
        more = value if type(value) is list else [value]
        self.cut += len(more) > room
        known.extend(more[: max(room, 0)])


def flatten(document: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Dotted fields of ``document`` within the bounds above, and how many were cut or left out."""
    flat = _Flat()
    for name, value in document.items():
        flat.take(name, value)
    return flat.fields, flat.cut


def from_document(document: dict[str, Any], context: Context) -> Parsed:
    """Any object, flattened; ``message`` from the usual names."""
    fields, cut = flatten(document)
    at = times.first(fields, TIMES, context.zone)
    host = next((fields[name] for name in HOSTS if isinstance(fields.get(name), str)), "")
    if "message" not in fields:
        message = next((fields[name] for name in MESSAGES if isinstance(fields.get(name), str)), None)
        if message is not None:
            fields["message"] = message
    if cut:
        fields["truncated_fields"] = cut
    return Parsed(
        fields=fields,
        happened_at=at,
        host=host,
        logsource=LogSource(product=_word(fields, "product"), service=_word(fields, "service")),
        format="json",
        tags=("field-truncated",) if cut else (),
    )


def _word(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value.lower()[:64] if isinstance(value, str) else ""
