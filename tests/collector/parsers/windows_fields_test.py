"""Names Sigma expects beyond those Windows writes."""

from typing import Any

from collector.parsers.windows_fields import cleaned, finish, plain
from model import LogSource


def finished(channel: str, event: int, **fields: Any) -> tuple[dict[str, Any], LogSource]:
    values = {"Channel": channel, **fields}
    return values, finish(values, channel, event)


def test_process_creation_of_security() -> None:
    """4688 has Image, ParentImage, User and the rest besides Windows' names."""
    fields, source = finished(
        "security",
        4688,
        NewProcessName="C:\\a.exe",
        ParentProcessName="C:\\b.exe",
        SubjectUserName="lan",
        SubjectDomainName="UBND",
        SubjectLogonId="0x3e7",
        ProcessId="0x10",
        MandatoryLabel="S-1-16-16384",
    )
    assert (
        fields.items()
        >= {
            "Channel": "Security",
            "Image": "C:\\a.exe",
            "ParentImage": "C:\\b.exe",
            "NewProcessName": "C:\\a.exe",
            "User": "UBND\\lan",
            "LogonId": "0x3e7",
            "ParentProcessId": "0x10",
            "IntegrityLevel": "System",
        }.items()
    )
    assert source == LogSource(product="windows", categories=("process_creation",), service="security")


def test_registry_of_security() -> None:
    """4657 has TargetObject in Sysmon's spelling and Details; the operation decides the category."""
    fields, source = finished(
        "Security",
        4657,
        ObjectName="\\REGISTRY\\MACHINE\\SOFTWARE\\Run",
        ObjectValueName="x",
        NewValue="y",
        OperationType="%%1905",
    )
    assert (fields["TargetObject"], fields["Details"]) == ("HKLM\\SOFTWARE\\Run\\x", "y")
    assert source.categories == ("registry_event", "registry_set")
    assert finished("Security", 4657, OperationType="%%1904")[1].categories == ("registry_event", "registry_add")
    assert finished("Security", 4657, OperationType="%%1906")[1].categories == ("registry_event", "registry_delete")


def test_connection_of_security() -> None:
    """5156 has the names of Sysmon's network connection; %%14593 is outbound."""
    fields, source = finished(
        "Security", 5156, Application="\\device\\a.exe", DestAddress="203.0.113.9", DestPort="443", Direction="%%14593"
    )
    assert (fields["Image"], fields["DestinationIp"], fields["DestinationPort"]) == ("\\device\\a.exe", "203.0.113.9", "443")
    assert fields["Initiated"] == "true"
    assert source.categories == ("network_connection",)


def test_registry_keys_of_sysmon() -> None:
    """Sysmon 12 is add or delete by EventType; where NXLog overwrote it, the message says; else it may be either."""
    channel = "Microsoft-Windows-Sysmon/Operational"
    assert finished(channel, 12, EventType="CreateKey")[1].categories == ("registry_event", "registry_add")
    fields, source = finished(channel, 12, EventType="INFO", Message="Registry object added:\r\nEventType: DeleteKey\r\nUtc")
    assert (fields["EventType"], source.categories) == ("DeleteKey", ("registry_event", "registry_delete"))
    assert finished(channel, 12)[1].categories == ("registry_event", "registry_add", "registry_delete")


def test_defender_names_have_no_blanks() -> None:
    """Defender's names lose their blanks (and are kept with underscores); detections are category antivirus."""
    fields, source = finished(
        "Microsoft-Windows-Windows Defender/Operational", 1116, **{"Threat Name": "EICAR", "Path": "C:\\x", "Feature Name": "f"}
    )
    assert fields.items() >= {"ThreatName": "EICAR", "Signature": "EICAR", "Filename": "C:\\x", "Feature_Name": "f"}.items()
    assert "Threat Name" not in fields
    assert source == LogSource(product="windows", categories=("antivirus",), service="windefend")


def test_values() -> None:
    """Empty values go; lists lose empty members and keep plain ones."""
    assert cleaned({"a": "", "b": None, "c": [], "d": 0}) == {"d": 0}
    assert plain(["a", None, "", {"x": 1}]) == ["a", "{'x': 1}"]
