"""One Windows event in every shape it travels in gives the same Sigma fields."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from collector.parsers import windows
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
AT = 1_795_228_200_123_456
CHANNEL = "Microsoft-Windows-Sysmon/Operational"
PROVIDER = "Microsoft-Windows-Sysmon"
DATA = {
    "UtcTime": "2026-11-21 02:30:00.120",
    "Image": "C:\\Windows\\System32\\vssadmin.exe",
    "CommandLine": "vssadmin delete shadows /all /quiet",
    "User": "UBND\\nguyễn.lan",
    "Hashes": "MD5=0A,SHA256=0B,IMPHASH=0C",
    "RuleName": "",
}
FLAT: dict[str, Any] = {
    "EventID": 1,
    "Channel": CHANNEL.lower(),
    "Provider_Name": PROVIDER,
    "Computer": "PC-VP-07",
    "TimeCreated_SystemTime": "2026-11-21T02:30:00.123456Z",
    **DATA,
}
NESTED: dict[str, Any] = {
    "Event": {
        "#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
        "System": {
            "Provider": {"#attributes": {"Name": PROVIDER}},
            "EventID": {"#attributes": {"Qualifiers": 0}, "#text": 1},
            "TimeCreated": {"#attributes": {"SystemTime": "2026-11-21T02:30:00.123456Z"}},
            "Correlation": None,
            "Channel": CHANNEL,
            "Computer": "PC-VP-07",
        },
        "EventData": DATA,
    }
}
ATTRIBUTED: dict[str, Any] = {
    "Event": {
        "System": {
            "Provider": {"@Name": PROVIDER},
            "EventID": "1",
            "TimeCreated": {"@SystemTime": "2026-11-21T02:30:00.123456Z"},
            "Channel": CHANNEL,
            "Computer": "PC-VP-07",
        },
        "EventData": {"Data": [{"@Name": name, "#text": value} for name, value in DATA.items()]},
    }
}
BEATS: dict[str, Any] = {
    "@timestamp": "2026-11-21T02:30:00.123456Z",
    "winlog": {
        "channel": CHANNEL,
        "event_id": "1",
        "provider_name": PROVIDER,
        "computer_name": "PC-VP-07",
        "record_id": 7,
        "event_data": DATA,
    },
    "event": {"code": "1", "kind": "event"},
    "agent": {"type": "winlogbeat"},
}
NXLOG: dict[str, Any] = {
    "EventTime": "2026-11-21 09:30:00",
    "Hostname": "PC-VP-07",
    "EventType": "INFO",
    "EventID": 1,
    "SourceName": PROVIDER,
    "RecordNumber": 7,
    "Channel": CHANNEL,
    "SourceModuleName": "eventlog",
    **DATA,
}
DOTTED = {
    "@timestamp": "2026-11-21T02:30:00.123456Z",
    "winlog.channel": CHANNEL,
    "winlog.event_id": 1,
    "winlog.provider_name": PROVIDER,
    "winlog.computer_name": "PC-VP-07",
    **{f"winlog.event_data.{name}": value for name, value in DATA.items()},
}
XML = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    f"<Provider Name='{PROVIDER}'/><EventID Qualifiers='0'>1</EventID>"
    "<TimeCreated SystemTime='2026-11-21T02:30:00.1234567Z'/>"
    f"<Channel>{CHANNEL}</Channel><Computer>PC-VP-07</Computer></System><EventData>"
    + "".join(f"<Data Name='{name}'>{value}</Data>" for name, value in DATA.items())
    + "</EventData></Event>"
)
SHAPES = [json.dumps(document) for document in (FLAT, NESTED, ATTRIBUTED, BEATS, NXLOG, DOTTED)]


@pytest.mark.parametrize("text", [*SHAPES, XML, '<?xml version="1.0" encoding="utf-16"?>\n' + XML, f"<Events>{XML}</Events>"])
def test_shapes_give_the_same(text: str) -> None:
    """Every shape gives Sigma's flat names, the canonical channel, the log source, host and time; empty values are absent."""
    parsed = windows.parse(text, CONTEXT)
    expected = {name: value for name, value in DATA.items() if value}
    expected |= {"Channel": CHANNEL, "Provider_Name": PROVIDER, "Computer": "PC-VP-07"}
    assert parsed.fields.items() >= expected.items()
    assert parsed.fields["EventID"] == 1
    assert (parsed.fields["md5"], parsed.fields["sha256"], parsed.fields["Imphash"]) == ("0A", "0B", "0C")
    assert "RuleName" not in parsed.fields
    assert parsed.logsource == LogSource(product="windows", categories=("process_creation",), service="sysmon")
    assert parsed.host == "PC-VP-07"
    assert parsed.happened_at is not None
    assert abs(parsed.happened_at - AT) < 10_000


def document(**fields: Any) -> Parsed:
    return windows.from_document({"Channel": "Security", "Provider_Name": "p", "Computer": "c", **fields}, CONTEXT)


def test_times() -> None:
    """System's time wins; NXLog's EventTime is local; a bare TimeCreated is UTC; PowerShell's /Date()/ is read."""
    assert document(EventID=1, EventTime="2026-11-21 09:30:00").happened_at == 1_795_228_200_000_000
    assert document(EventID=1, TimeCreated="2026-11-21 02:30:00").happened_at == 1_795_228_200_000_000
    assert document(EventID=1, TimeCreated="/Date(1795228200000)/").happened_at == 1_795_228_200_000_000
    assert document(EventID=1, TimeCreated="yesterday").happened_at is None


def test_event_data_wins_over_system() -> None:
    """Event 104 names the cleared log in UserData's Channel, as SigmaHQ's rules test it; the log source stays System's."""
    nested = {
        "Event": {
            "System": {"EventID": 104, "Channel": "System", "Provider": {"#attributes": {"Name": "Microsoft-Windows-Eventlog"}}},
            "UserData": {
                "LogFileCleared": {"#attributes": {"xmlns": "x"}, "Channel": "Windows PowerShell", "SubjectUserName": "a"}
            },
        }
    }
    parsed = windows.from_document(nested, CONTEXT)
    assert (parsed.fields["Channel"], parsed.logsource.service) == ("Windows PowerShell", "system")


def test_log_name_is_the_channel() -> None:
    """PowerShell's ``LogName`` is the channel when there is no other."""
    parsed = windows.from_document({"EventID": 4624, "LogName": "security", "Computer": "c"}, CONTEXT)
    assert (parsed.fields["Channel"], parsed.logsource.service) == ("Security", "security")


def test_nameless_values_stay_a_list() -> None:
    """Values without names are ``Data``: from XML, from EVTX-to-JSON, and from Winlogbeat's param1, param2."""
    xml = (
        "<Event><System><EventID>400</EventID><Channel>Windows PowerShell</Channel></System>"
        "<EventData><Data>Available</Data><Data></Data><Data>HostApplication=x</Data><Binary>00</Binary></EventData></Event>"
    )
    parsed = windows.parse(xml, CONTEXT)
    assert parsed.fields["Data"] == ["Available", "HostApplication=x"]
    assert parsed.fields["Binary"] == "00"
    assert parsed.logsource.categories == ("ps_classic_start",)
    values = {"Data": {"#text": ["Available", "HostApplication=x"]}}
    nested = {"Event": {"System": {"EventID": 400, "Channel": "Windows PowerShell"}, "EventData": values}}
    assert windows.from_document(nested, CONTEXT).fields["Data"] == ["Available", "HostApplication=x"]
    beats = {"winlog": {"channel": "Windows PowerShell", "event_id": 400, "event_data": {"param2": "b", "param1": "a"}}}
    assert windows.from_document(beats, CONTEXT).fields["Data"] == ["a", "b"]


def test_event_data_as_xml_inside_json() -> None:
    """Log Analytics carries EventData as XML text in a flat object."""
    data = '<EventData xmlns="http://x"><Data Name="ProcessId">2584</Data></EventData>'
    parsed = document(EventID=5158, EventData=data, Provider_Name=None, EventSourceName="Auditing")
    assert (parsed.fields["ProcessId"], parsed.fields["Provider_Name"]) == ("2584", "Auditing")
    assert "EventData" not in parsed.fields


@pytest.mark.parametrize("value", [None, "", "x", -1, 2**40, {}, [], {"#text": "x"}, float("inf")])
def test_an_event_needs_an_id(value: Any) -> None:
    """An EventID that is no number is refused."""
    with pytest.raises(ParseError):
        document(EventID=value)


@pytest.mark.parametrize(
    "text", ["", "hello", "{}", "<Event/>", "<a/>", "<Event><System/></Event>", '{"Event": 1}', '{"Event": {"System": []}}']
)
def test_others_are_refused(text: str) -> None:
    """What is no Windows event is refused."""
    with pytest.raises(ParseError):
        windows.parse(text, CONTEXT)


def test_shapes_of_others_are_not_claimed() -> None:
    """Objects of other formats are not taken for Windows events."""
    for other in ({"EventID": 3, "OpNum": 1}, {"Event": "x"}, {"winlog": 1}, {"event_id": 1}, {"@timestamp": "x"}):
        assert not windows.shape(dict(other))


def test_hostile(hostile: Callable[..., None], hostile_objects: Callable[..., None]) -> None:
    """Any text or object gives a result or ParseError, and soon."""
    hostile(windows.parse, (XML, *SHAPES))
    hostile_objects(windows, SHAPES)
