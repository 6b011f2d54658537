"""Windows events in every shape they travel in, to flat Sigma names. Pure.

Shapes of a JSON object: flat (``EventID``, ``Channel``, values beside them), NXLog (flat, with ``SourceName`` and ``Hostname``),
EVTX-to-JSON (``Event.System``, ``Event.EventData``), Winlogbeat and Elastic Agent (``winlog.event_data``). And XML text.
Names of EventData win over names of System (event 104 names the cleared log in ``Channel``); the log source is decided by System.
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.json_lines import decode
from collector.parsers.windows_fields import PLAIN, cleaned, finish, plain
from collector.parsers.windows_nested import from_beats, from_event, is_beats
from collector.parsers.windows_xml import add_data, local, root_of, system_of
from collector.recipe import Context, Parsed
from model import Micros, ParseError

Document = dict[str, Any]

_SOURCE_KEYS: Final = ("Channel", "Provider_Name", "SourceName", "LogName")
_UTC_TIMES: Final = ("TimeCreated_SystemTime", "UtcTime")
_LOCAL_TIMES: Final = ("EventTime", "TimeCreated", "TimeGenerated", "@timestamp", "EventReceivedTime")
_NXLOG: Final = (("Hostname", "Computer"), ("RecordNumber", "EventRecordID"), ("ProviderGuid", "Provider_Guid"))
_PROVIDERS: Final = ("SourceName", "ProviderName", "EventSourceName", "Source")
_LIMIT: Final = 2_000


def shape(document: Document) -> bool:
    """Is this object a Windows event? Looks at the names only."""
    if "EventID" in document:
        return any(name in document for name in _SOURCE_KEYS)
    event = document.get("Event")
    if isinstance(event, dict):
        return isinstance(event.get("System"), dict)
    return is_beats(document)


def from_document(document: Document, context: Context) -> Parsed:
    """A decoded event; the object is taken over and changed. ParseError when it has no event id."""
    if "EventID" in document:
        return _flat(document, context)
    if "Event" in document:
        return _made(*from_event(document), context)
    return _made(*from_beats(document), context)


def parse(text: str, context: Context) -> Parsed:
    """One event as XML, alone or as the only child of ``<Events>``, or as JSON."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("{"):
        # Only for a source fixed to this format; the JSON parser hands its object over directly.
        document = decode(start)
        if not shape(document):
            raise ParseError("a JSON object that is no Windows event")
        return from_document(document, context)
    if not start.startswith("<"):
        raise ParseError("a Windows event is XML or JSON text")
    root = root_of(start)
    if local(root.tag) == "Events" and len(root) == 1:
        root = root[0]
    if local(root.tag) != "Event":
        raise ParseError(f"an XML document <{local(root.tag)[:40]}>, not <Event>")
    return _made(*system_of(root), context)


def event_id(value: Any) -> int:
    """EventID as a number: 4688, ``"4688"``, ``{"#text": 4688, …}``. ParseError when it is none."""
    if value.__class__ is int:
        number: int = value
    else:
        if isinstance(value, dict):
            value = value.get("#text", value.get("Value", value.get("value")))
        try:
            number = int(value) if isinstance(value, (int, float)) else int(str(value)[:20])
        except (ValueError, OverflowError):
            raise ParseError(f"EventID is no number: {str(value)[:40]!r}") from None
    if not 0 <= number <= 0xFFFFFFFF:
        raise ParseError(f"EventID out of range: {number}")
    return number


def _flat(fields: Document, context: Context) -> Parsed:
    values = fields.values()
    if not set(map(type, values)) <= PLAIN or "" in values:
        fields = cleaned(_opened(fields))
    number = event_id(fields.get("EventID"))
    fields["EventID"] = number
    if "Provider_Name" not in fields or "Computer" not in fields:
        _nxlog_names(fields)
    channel = fields.get("Channel")
    if channel.__class__ is not str:
        channel = str(fields.get("LogName", "") if channel is None else channel)
        if channel:
            fields["Channel"] = channel
    source = finish(fields, str(channel), number)
    host = fields.get("Computer", "")
    return Parsed(
        fields=fields,
        happened_at=_time_of(fields, context),
        host=host if host.__class__ is str else str(host),
        logsource=source,
        format="windows",
    )


def _made(system: Document, values: Document, context: Context) -> Parsed:
    """From System and EventData taken apart."""
    number = event_id(system.get("EventID"))
    channel = system.get("Channel") or ""
    if not isinstance(channel, str):
        channel = str(channel)
    host = system.get("Computer") or ""
    provider = system.get("Provider_Name")
    at = _time_of(system, context)
    fields = system
    fields.update(values)
    if len(fields) > _LIMIT:
        raise ParseError(f"a Windows event with more than {_LIMIT} values")
    fields = cleaned(fields)
    fields["EventID"] = number
    if provider:
        fields["Provider_Name"] = provider
    source = finish(fields, channel, number)
    if at is None:
        at = _time_of(fields, context)
    return Parsed(fields=fields, happened_at=at, host=str(host), logsource=source, format="windows")


def _time_of(fields: Document, context: Context) -> Micros | None:
    for name in _UTC_TIMES:
        text = fields.get(name)
        if text.__class__ is str:
            try:
                return times.rfc3339(text, "UTC")
            except ParseError:
                continue
    for name in _LOCAL_TIMES:
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, str) and value.startswith("/Date("):
            value = value[6:].partition(")")[0]
        try:
            # NXLog's EventTime is local time; every other is UTC when it does not say.
            return times.moment(value, context.zone if name == "EventTime" else "UTC")
        except ParseError:
            continue
    return None


def _nxlog_names(fields: Document) -> None:
    for old, new in _NXLOG:
        if old in fields and new not in fields:
            fields[new] = fields[old]
    for name in _PROVIDERS:
        if "Provider_Name" in fields:
            return
        if name in fields:
            fields["Provider_Name"] = fields[name]


def _opened(fields: Document) -> Document:
    """Flat but for some part: EventData as an object or as XML text (Log Analytics), others flattened with dots."""
    made: Document = {}
    for name, value in fields.items():
        if name in ("EventData", "UserData"):
            if isinstance(value, dict):
                made.update(value)
                continue
            if isinstance(value, str) and value.startswith("<"):
                add_data(root_of(value), made)
                continue
        if name == "EventID":
            made[name] = event_id(value)
        elif isinstance(value, dict):
            made.update(_dotted(name, value))
        else:
            made.setdefault(name, plain(value))
    if len(made) > _LIMIT:
        raise ParseError(f"a Windows event with more than {_LIMIT} values")
    return {name: value if not isinstance(value, dict) else str(value)[:4096] for name, value in made.items()}


def _dotted(prefix: str, value: Document) -> Document:
    """Leaves of ``value`` under dotted names, 32 levels deep at most; what is deeper is dropped with its branch."""
    made: Document = {}
    waiting = [(prefix, value, 0)]
    while waiting:
        path, branch, depth = waiting.pop()
        for name, item in branch.items():
            if isinstance(item, dict):
                if depth < 32:
                    waiting.append((f"{path}.{name}", item, depth + 1))
            else:
                made[f"{path}.{name}"] = plain(item)
    return made
