"""Nested Windows events taken apart: EVTX-to-JSON and Winlogbeat. Pure.

Each function gives (System as flat names, EventData and UserData by name), as ``windows_xml.system_of`` does for XML.
"""

from typing import Any, Final

from collector.parsers.windows_fields import plain
from model import ParseError

Document = dict[str, Any]

_ATTRIBUTES: Final = ("#attributes", "_attributes", "attributes")
_SYSTEM: Final = {"Provider", "TimeCreated", "Execution", "Correlation", "Security"}
_DEPTH: Final = 32
_BEATS: Final = {
    "channel": "Channel",
    "computer_name": "Computer",
    "provider_name": "Provider_Name",
    "provider_guid": "Provider_Guid",
    "record_id": "EventRecordID",
    "task": "Task",
    "opcode": "Opcode",
    "version": "Version",
    "keywords": "Keywords",
    "activity_id": "Correlation_ActivityID",
    # Winlogbeat 6 and older, at the top of the document
    "log_name": "Channel",
    "source_name": "Provider_Name",
    "record_number": "EventRecordID",
}


def from_event(document: Document) -> tuple[Document, Document]:
    """``{"Event": {"System": {…}, "EventData": {…} or "UserData": {…}}}`` with attributes under ``#attributes`` or ``@Name``."""
    event = document["Event"]
    system: Document = {}
    values: Document = {}
    parts = event.get("System") if isinstance(event, dict) else None
    if not isinstance(parts, dict):
        raise ParseError("an Event without System")
    for name, value in parts.items():
        if name in _SYSTEM:
            if isinstance(value, dict):
                _attributes(name, value, system)
        elif name == "EventID":
            system[name] = value
        elif isinstance(value, dict):
            system[name] = value.get("#text")
        elif not name.startswith(("#", "@")):
            system[name] = plain(value)
    for name in ("EventData", "ProcessingErrorData", "UserData"):
        part = event.get(name)
        if isinstance(part, dict):
            _add(part, values, 0)
        elif isinstance(part, list):
            _add_items(part, values, 0)
    return system, values


def is_beats(document: Document) -> bool:
    """Winlogbeat's shape: ``winlog.event_id``, nested or dotted, or version 6's names at the top."""
    winlog = document.get("winlog")
    if isinstance(winlog, dict):
        return "channel" in winlog or "event_id" in winlog
    return "winlog.event_id" in document or ("event_id" in document and "log_name" in document)


def from_beats(document: Document) -> tuple[Document, Document]:
    """``{"@timestamp": …, "winlog": {"channel": …, "event_id": …, "event_data": {…}}, "message": …}``."""
    winlog = document.get("winlog")
    if not isinstance(winlog, dict):
        winlog = document if "event_id" in document else _undotted(document)
    system: Document = {new: plain(winlog[old]) for old, new in _BEATS.items() if old in winlog}
    system = {name: value for name, value in system.items() if not isinstance(value, dict)}
    event = document.get("event")
    code = winlog.get("event_id")
    system["EventID"] = event.get("code") if code is None and isinstance(event, dict) else code
    if isinstance(document.get("@timestamp"), str):
        system["TimeCreated_SystemTime"] = document["@timestamp"]
    user = winlog.get("user")
    if isinstance(user, dict) and isinstance(user.get("identifier"), str):
        system["Security_UserID"] = user["identifier"]
    process = winlog.get("process")
    if isinstance(process, dict) and isinstance(process.get("pid"), int):
        system["Execution_ProcessID"] = process["pid"]
    values: Document = {}
    if isinstance(document.get("message"), str):
        values["Message"] = document["message"]
    for name in ("event_data", "user_data"):
        part = winlog.get(name)
        if isinstance(part, dict):
            _add(part, values, 0)
    _number_data(values)
    return system, values


def _number_data(values: Document) -> None:
    """Winlogbeat calls values without names ``param1``…; rules know them as ``Data``."""
    names = [name for name in values if name != "Message"]
    if names and "Data" not in values and all(name.startswith("param") and name[5:].isdecimal() for name in names):
        data = [values[name] for name in sorted(names, key=lambda name: int(name[5:9]))]
        values["Data"] = data[0] if len(data) == 1 else data


def _undotted(document: Document) -> Document:
    winlog: Document = {}
    data: Document = {}
    for name, value in document.items():
        if name.startswith("winlog.event_data."):
            data[name[18:]] = value
        elif name.startswith("winlog.user_data."):
            data[name[17:]] = value
        elif name.startswith("winlog."):
            winlog[name[7:]] = value
    winlog["event_data"] = data
    return winlog


def _attributes(name: str, value: Document, system: Document) -> None:
    for key in _ATTRIBUTES:
        if isinstance(value.get(key), dict):
            value = value[key]
            break
    for key, item in value.items():
        if not isinstance(item, (dict, list)) and not key.startswith("#"):
            system[f"{name}_{key.lstrip('@')}"] = item


def _add(part: Document, values: Document, depth: int) -> None:
    """Leaves by name; ``Data`` may be one text, a list of texts, or a list of named values."""
    if depth > _DEPTH:
        raise ParseError(f"a Windows event nested more than {_DEPTH} deep")
    for name, value in part.items():
        if name in _ATTRIBUTES or name.startswith(("@", "xmlns")):
            continue
        if isinstance(value, dict):
            if "#text" in value:
                label = value.get("@Name")
                values[label if isinstance(label, str) else name] = plain(value["#text"])
            else:
                _add(value, values, depth + 1)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            _add_items(value, values, depth)
        else:
            values[name] = plain(value)


def _add_items(items: list[Any], values: Document, depth: int) -> None:
    """``[{"@Name": "Image", "#text": "C:\\…"}, …]`` and mixtures with nameless texts."""
    nameless: list[Any] = []
    for item in items:
        if not isinstance(item, dict):
            nameless.append(item)
            continue
        attributes = next((item[key] for key in _ATTRIBUTES if isinstance(item.get(key), dict)), item)
        label = attributes.get("Name", attributes.get("@Name"))
        if isinstance(label, str):
            values[label] = plain(item.get("#text", item.get("text")))
        else:
            _add(item, values, depth + 1)
    if nameless:
        values["Data"] = plain(nameless)
