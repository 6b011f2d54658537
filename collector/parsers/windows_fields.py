"""Fields Sigma rules expect beyond those Windows writes: renames, split hashes, registry paths. Pure.

Additions only: the names Windows gives stay. Sources: Sigma specification, appendix "taxonomy"; the field mappings of the
Windows-audit pipeline (4688, 4657) and, for 5156, of Sysmon's network connection.
"""

from collections.abc import Callable
from typing import Any, Final

from collector.parsers.windows_logsource import SERVICES, channel_of, logsource, narrowed
from model import LogSource

Fields = dict[str, Any]

_INTEGRITY: Final = {
    "S-1-16-0": "Untrusted",
    "S-1-16-4096": "Low",
    "S-1-16-8192": "Medium",
    "S-1-16-8448": "MediumPlus",
    "S-1-16-12288": "High",
    "S-1-16-16384": "System",
}
_HIVES: Final = (("\\REGISTRY\\MACHINE", "HKLM"), ("\\REGISTRY\\USER", "HKU"))
_HASHES: Final = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "IMPHASH": "Imphash"}
_OUTBOUND: Final = ("%%14593", "Outbound")
_BLANK: Final = ("", None)
PLAIN: Final = {str, int, float, bool}
"""Types of a value that needs no care."""


def finish(fields: Fields, channel: str, event: int) -> LogSource:
    """Complete ``fields`` in place for the event ``event`` of ``channel``; return its log source.

    ``fields`` already has Windows' own names, without empty values. ``Channel`` gets its canonical spelling. Without a channel
    the provider decides where the event belongs.
    """
    if not channel:
        channel = channel_of(fields.get("Provider_Name"))
    name, source = logsource(channel, event)
    if name is not channel and fields.get("Channel") == channel:
        fields["Channel"] = name
    service = source.service
    if service == "sysmon":
        if "Hashes" in fields:
            _split_hashes(fields)
        if event == 12:
            return _registry_key(fields, source)
        return source
    if service not in SERVICES or service == "windefend":
        _join_names(fields)
    derive = _DERIVED.get((service, event))
    if derive is not None:
        derive(fields)
    if event == 4657:
        return narrowed(source, event, fields)
    if service == "windefend" and source.categories:
        _copy(fields, "ThreatName", "Signature")
        _copy(fields, "Path", "Filename")
    return source


def plain(value: Any) -> Any:
    """A list's members as plain values, without empty ones; an object as text. At most 1,000 members are kept."""
    if not isinstance(value, list):
        return str(value)[:4096] if isinstance(value, dict) else value
    kept = (item if item.__class__ in PLAIN else str(item)[:4096] for item in value[:1000] if item is not None)
    return [item for item in kept if item != ""]


def cleaned(fields: Fields) -> Fields:
    """``fields`` without empty and ``null`` values, a new dictionary."""
    return {name: value for name, value in fields.items() if value not in _BLANK and value != []}


def _copy(fields: Fields, old: str, new: str) -> None:
    if old in fields and new not in fields:
        fields[new] = fields[old]


def _split_hashes(fields: Fields) -> None:
    """``SHA256=…,IMPHASH=…`` → ``sha256``, ``Imphash``; the whole stays in ``Hashes``."""
    whole = fields["Hashes"]
    if not isinstance(whole, str):
        return
    for part in whole[:1024].split(","):
        kind, equals, value = part.partition("=")
        name = _HASHES.get(kind)
        if name and equals:
            fields[name] = value


def _registry_key(fields: Fields, source: LogSource) -> LogSource:
    """Sysmon 12. NXLog overwrites ``EventType`` with its own (``INFO``); then the message still names the true one."""
    kind = fields.get("EventType")
    if kind == "INFO" or kind is None:
        message = fields.get("Message") or fields.get("message")
        if isinstance(message, str):
            start = message.find("EventType: ", 0, 4096)
            if start >= 0:
                words = message[start + 11 : start + 40].split(None, 1)
                if words:
                    fields["EventType"] = words[0]
    return narrowed(source, 12, fields)


def _process(fields: Fields) -> None:
    """Security 4688, "A new process has been created"."""
    _copy(fields, "NewProcessName", "Image")
    _copy(fields, "ParentProcessName", "ParentImage")
    _copy(fields, "SubjectLogonId", "LogonId")
    _copy(fields, "ProcessId", "ParentProcessId")
    _copy(fields, "ProcessCommandLine", "CommandLine")
    user = fields.get("SubjectUserName")
    if user and "User" not in fields:
        domain = fields.get("SubjectDomainName")
        fields["User"] = f"{domain}\\{user}" if domain and domain != "-" else user
    level = fields.get("MandatoryLabel")
    if isinstance(level, str) and "IntegrityLevel" not in fields and level in _INTEGRITY:
        fields["IntegrityLevel"] = _INTEGRITY[level]


def _registry_value(fields: Fields) -> None:
    """Security 4657, "A registry value was modified"."""
    _copy(fields, "ProcessName", "Image")
    _copy(fields, "NewValue", "Details")
    _copy(fields, "SubjectLogonId", "LogonId")
    path = fields.get("ObjectName")
    if not isinstance(path, str) or "TargetObject" in fields:
        return
    for native, hive in _HIVES:
        if path[: len(native)].upper() == native:
            path = hive + path[len(native) :]
            break
    value = fields.get("ObjectValueName")
    fields["TargetObject"] = f"{path}\\{value}" if value else path


def _connection(fields: Fields) -> None:
    """Security 5156, "The Windows Filtering Platform has permitted a connection"."""
    _copy(fields, "Application", "Image")
    _copy(fields, "DestAddress", "DestinationIp")
    _copy(fields, "DestPort", "DestinationPort")
    _copy(fields, "SourceAddress", "SourceIp")
    if "Direction" in fields and "Initiated" not in fields:
        fields["Initiated"] = "true" if fields["Direction"] in _OUTBOUND else "false"


_DERIVED: Final[dict[tuple[str, int], Callable[[Fields], None]]] = {
    ("security", 4688): _process,
    ("security", 4657): _registry_value,
    ("security", 5156): _connection,
}


def _join_names(fields: Fields) -> None:
    """``Threat Name`` → ``ThreatName`` as SigmaHQ writes it, and ``Threat_Name`` as some of its rules do."""
    for name in [name for name in fields if " " in name]:
        value = fields.pop(name)
        fields.setdefault(name.replace(" ", ""), value)
        fields.setdefault(name.replace(" ", "_"), value)
