"""One Windows event as XML: what ``wevtutil``, Windows Event Forwarding and Sysmon for Linux write. Pure.

Schema: http://schemas.microsoft.com/win/2004/08/events/event. Document types, entities and external references are refused
(defusedxml), and so are documents deeper or larger than an event can be.
"""

from typing import Any, Final
from xml.etree.ElementTree import Element
from xml.etree.ElementTree import ParseError as XmlError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from model import ParseError

LIMIT: Final = 4 * 1024 * 1024
"""Longest XML looked at, in characters; Windows' own limit for an event is 64 KiB of values."""

_FIELDS: Final = 2_000
_DEPTH: Final = 32
_SYSTEM: Final = ("Provider", "TimeCreated", "Execution", "Correlation", "Security")


def root_of(text: str) -> Element:
    """The document's root element. ParseError when it is no XML or uses what an event never does."""
    if len(text) > LIMIT:
        raise ParseError(f"an XML event longer than {LIMIT} characters")
    if text.startswith("<?xml"):
        # The text is decoded already: a declared encoding would only be wrong.
        text = text[text.find("?>") + 2 :].lstrip()
    try:
        root: Element = fromstring(text)
    except (XmlError, DefusedXmlException, ValueError, RecursionError, LookupError) as error:
        raise ParseError(f"not an XML event: {type(error).__name__}: {error}") from None
    return root


def local(tag: Any) -> str:
    """A tag without its namespace; empty for comments and instructions."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def system_of(event: Element) -> tuple[dict[str, Any], dict[str, Any]]:
    """(System as flat names: ``Provider_Name``, ``EventID``, …; EventData and UserData as names and values)."""
    system: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for part in event:
        tag = local(part.tag)
        if tag == "System":
            for item in part:
                _system_item(item, system)
        elif tag in ("EventData", "ProcessingErrorData", "DebugData", "BinaryEventData"):
            add_data(part, values)
        elif tag == "UserData":
            _add_leaves(part, values, 0)
        elif tag == "RenderingInfo":
            for item in part:
                if local(item.tag) == "Message" and item.text:
                    values.setdefault("Message", item.text)
    return system, values


def add_data(part: Element, values: dict[str, Any]) -> None:
    """Children of EventData: ``<Data Name="x">v</Data>``, nameless ``<Data>v</Data>`` (collected in ``Data``), ``<Binary>``."""
    nameless: list[str] = []
    for item in part:
        if len(values) + len(nameless) >= _FIELDS:
            raise ParseError(f"an XML event with more than {_FIELDS} values")
        text = item.text
        name = item.get("Name")
        if len(item):
            _add_leaves(item, values, 1)
        elif not text:
            continue
        elif name:
            values[name] = text
        elif local(item.tag) == "Data":
            nameless.append(text)
        else:
            values[local(item.tag)] = text
    if nameless:
        values["Data"] = nameless[0] if len(nameless) == 1 else nameless


def _add_leaves(part: Element, values: dict[str, Any], depth: int) -> None:
    """UserData has a free structure: its leaves by name. A name used twice becomes a list."""
    if depth > _DEPTH:
        raise ParseError(f"an XML event nested more than {_DEPTH} deep")
    for item in part:
        if len(item):
            _add_leaves(item, values, depth + 1)
        elif item.text and item.text.strip():
            name = item.get("Name") or local(item.tag)
            if name not in values:
                if len(values) >= _FIELDS:
                    raise ParseError(f"an XML event with more than {_FIELDS} values")
                values[name] = item.text
            elif isinstance(values[name], list):
                values[name].append(item.text)
            else:
                values[name] = [values[name], item.text]


def _system_item(item: Element, system: dict[str, Any]) -> None:
    tag = local(item.tag)
    if tag in _SYSTEM:
        for name, value in item.attrib.items():
            if value:
                system[f"{tag}_{local(name)}"] = value
    elif tag and item.text:
        system[tag] = item.text
