"""Which Sigma log source a Windows event belongs to: (channel, event id) → service and categories. Pure.

The tables follow SigmaHQ: channels as pySigma's common pipeline and the THOR mapping name them, categories as the Sysmon,
PowerShell and Windows-audit pipelines map them (Sigma specification, appendix "taxonomy", product windows).

Not reachable from a channel, hence never given: ``file_access`` and ``file_rename`` (kernel tracing, no event log has them).
"""

from collections.abc import Mapping
from typing import Any, Final

from model import LogSource

_SERVICES: Final = {
    "security": ("Security",),
    "application": ("Application",),
    "system": ("System",),
    "sysmon": ("Microsoft-Windows-Sysmon/Operational", "Linux-Sysmon/Operational"),
    "powershell": ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational"),
    "powershell-classic": ("Windows PowerShell",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "wmi": ("Microsoft-Windows-WMI-Activity/Operational",),
    "windefend": ("Microsoft-Windows-Windows Defender/Operational",),
    "dns-server": ("DNS Server", "Microsoft-Windows-DNSServer/Operational"),
    "dns-server-audit": ("Microsoft-Windows-DNS-Server/Audit", "Microsoft-Windows-DNSServer/Audit"),
    "dns-server-analytic": ("Microsoft-Windows-DNS-Server/Analytical", "Microsoft-Windows-DNSServer/Analytical"),
    "dns-client": ("Microsoft-Windows-DNS Client Events/Operational", "Microsoft-Windows-DNS-Client/Operational"),
    "driver-framework": ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
    "ntlm": ("Microsoft-Windows-NTLM/Operational",),
    "dhcp": ("Microsoft-Windows-DHCP-Server/Operational", "Microsoft-Windows-Dhcp-Server/Operational"),
    "msexchange-management": ("MSExchange Management",),
    "applocker": (
        "Microsoft-Windows-AppLocker/MSI and Script",
        "Microsoft-Windows-AppLocker/EXE and DLL",
        "Microsoft-Windows-AppLocker/Packaged app-Deployment",
        "Microsoft-Windows-AppLocker/Packaged app-Execution",
    ),
    "printservice-admin": ("Microsoft-Windows-PrintService/Admin",),
    "printservice-operational": ("Microsoft-Windows-PrintService/Operational",),
    "codeintegrity-operational": ("Microsoft-Windows-CodeIntegrity/Operational",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbclient-connectivity": ("Microsoft-Windows-SmbClient/Connectivity",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "firewall-as": ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
    "bits-client": ("Microsoft-Windows-Bits-Client/Operational",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "microsoft-servicebus-client": (
        "Microsoft-ServiceBus-Client",
        "Microsoft-ServiceBus-Client/Admin",
        "Microsoft-ServiceBus-Client/Operational",
    ),
    "ldap": ("Microsoft-Windows-LDAP-Client/Debug",),
    "security-mitigations": (
        "Microsoft-Windows-Security-Mitigations/Kernel Mode",
        "Microsoft-Windows-Security-Mitigations/User Mode",
        "Microsoft-Windows-Security-Mitigations/KernelMode",
        "Microsoft-Windows-Security-Mitigations/UserMode",
    ),
    "diagnosis-scripted": ("Microsoft-Windows-Diagnosis-Scripted/Operational",),
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "bitlocker": ("Microsoft-Windows-BitLocker/BitLocker Management",),
    "vhdmp": ("Microsoft-Windows-VHDMP/Operational", "Microsoft-Windows-VHDMP-Operational"),
    "appxdeployment-server": ("Microsoft-Windows-AppXDeploymentServer/Operational",),
    "lsa-server": ("Microsoft-Windows-LSA/Operational",),
    "appxpackaging-om": ("Microsoft-Windows-AppxPackaging/Operational",),
    "appmodel-runtime": ("Microsoft-Windows-AppModel-Runtime/Admin",),
    "capi2": ("Microsoft-Windows-CAPI2/Operational",),
    "certificateservicesclient-lifecycle-system": ("Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",),
    "iis-configuration": ("Microsoft-IIS-Configuration/Operational",),
    "kernel-shimengine": (
        "Microsoft-Windows-Kernel-ShimEngine/Operational",
        "Microsoft-Windows-Kernel-ShimEngine/Diagnostic",
    ),
    "application-experience": (
        "Microsoft-Windows-Application-Experience/Program-Telemetry",
        "Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant",
    ),
    "ntfs": ("Microsoft-Windows-Ntfs/Operational",),
    "hyper-v-worker": ("Microsoft-Windows-Hyper-V-Worker", "Microsoft-Windows-Hyper-V-Worker-Admin"),
    "kernel-event-tracing": ("Microsoft-Windows-Kernel-EventTracing", "Microsoft-Windows-Kernel-EventTracing/Admin"),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
}
SERVICES: Final = frozenset(_SERVICES)
"""Services that Sigma has names for."""
_PROVIDERS: Final = {
    "microsoft-windows-sysmon": "Microsoft-Windows-Sysmon/Operational",
    "linux-sysmon": "Linux-Sysmon/Operational",
    "microsoft-windows-security-auditing": "Security",
    "microsoft-windows-powershell": "Microsoft-Windows-PowerShell/Operational",
    "powershellcore": "PowerShellCore/Operational",
    "powershell": "Windows PowerShell",
    "service control manager": "System",
    "microsoft-windows-taskscheduler": "Microsoft-Windows-TaskScheduler/Operational",
    "microsoft-windows-wmi-activity": "Microsoft-Windows-WMI-Activity/Operational",
    "microsoft-windows-windows defender": "Microsoft-Windows-Windows Defender/Operational",
    "microsoft-windows-dns-client": "Microsoft-Windows-DNS-Client/Operational",
}
"""Providers that write to one channel Sigma names, for senders that leave the channel out."""
_CHANNELS: Final = {channel.lower(): (channel, service) for service, channels in _SERVICES.items() for channel in channels}

_REGISTRY_KEY: Final = ("registry_event", "registry_add", "registry_delete")
_SYSMON: Final[dict[int, tuple[str, ...]]] = {
    1: ("process_creation",),
    2: ("file_change",),
    3: ("network_connection",),
    4: ("sysmon_status",),
    5: ("process_termination",),
    6: ("driver_load",),
    7: ("image_load",),
    8: ("create_remote_thread",),
    9: ("raw_access_thread",),
    10: ("process_access",),
    11: ("file_event",),
    12: _REGISTRY_KEY,
    13: ("registry_event", "registry_set"),
    14: ("registry_event", "registry_rename"),
    15: ("create_stream_hash",),
    16: ("sysmon_status",),
    17: ("pipe_created",),
    18: ("pipe_created",),
    19: ("wmi_event",),
    20: ("wmi_event",),
    21: ("wmi_event",),
    22: ("dns_query",),
    23: ("file_delete",),
    24: ("clipboard_capture", "clipboard_change"),
    25: ("process_tampering",),
    26: ("file_delete", "file_delete_detected"),
    27: ("file_block_executable",),
    28: ("file_block_shredding",),
    29: ("file_executable_detected",),
    255: ("sysmon_error",),
}
_POWERSHELL: Final = {4103: ("ps_module",), 4104: ("ps_script",)}
_CLASSIC: Final = {400: ("ps_classic_start",), 600: ("ps_classic_provider_start",), 800: ("ps_classic_script",)}
_SECURITY: Final = {4657: ("registry_event",), 4688: ("process_creation",), 5156: ("network_connection",)}
_DEFENDER: Final = dict.fromkeys((*range(1006, 1013), 1017, 1018, 1019, 1115, 1116), ("antivirus",))
_CATEGORIES: Final[dict[str, Mapping[int, tuple[str, ...]]]] = {
    "sysmon": _SYSMON,
    "powershell": _POWERSHELL,
    "powershell-classic": _CLASSIC,
    "security": _SECURITY,
    "windefend": _DEFENDER,
}

_ADDED: Final = ("registry_event", "registry_add")
_DELETED: Final = ("registry_event", "registry_delete")
_BY_KIND: Final = {
    "CreateKey": _ADDED,
    "DeleteKey": _DELETED,
    "DeleteValue": _DELETED,
    "%%1904": _ADDED,
    "New registry value created": _ADDED,
    "%%1905": ("registry_event", "registry_set"),
    "Existing registry value modified": ("registry_event", "registry_set"),
    "%%1906": _DELETED,
    "Registry value deleted": _DELETED,
}
"""What Sysmon's ``EventType`` (id 12) and Security's ``OperationType`` (id 4657) say was done to the registry."""

_MEMO_LIMIT: Final = 20_000
_memo: dict[tuple[str, int], tuple[str, LogSource]] = {}
_memo_kinds: dict[tuple[str, int, str], LogSource] = {}


def logsource(channel: str, event: int) -> tuple[str, LogSource]:
    """The canonical spelling of ``channel`` and its log source for event id ``event``.

    A channel that Sigma has no name for is its own service, so that the event still tells where it comes from.
    """
    known = _memo.get((channel, event))
    if known is not None:
        return known
    name, service = _CHANNELS.get(channel.lower(), (channel, channel.lower()[:64]))
    product = "linux" if name.startswith("Linux-") else "windows"
    made = LogSource(product=product, categories=_CATEGORIES.get(service, {}).get(event, ()), service=service)
    if len(_memo) < _MEMO_LIMIT and len(channel) <= 256:
        _memo[channel, event] = name, made
    return name, made


def channel_of(provider: Any) -> str:
    """The channel ``provider`` writes to; empty when it writes to several, or is none we know."""
    return _PROVIDERS.get(provider.lower(), "") if isinstance(provider, str) else ""


def narrowed(source: LogSource, event: int, fields: Mapping[str, Any]) -> LogSource:
    """``source`` of a registry event (Sysmon 12, Security 4657) with the categories its kind of change gives."""
    kind = fields.get("EventType" if event == 12 else "OperationType")
    if not isinstance(kind, str) or kind not in _BY_KIND:
        return source
    key = (source.product, event, kind)
    made = _memo_kinds.get(key)
    if made is None:
        made = LogSource(product=source.product, categories=_BY_KIND[kind], service=source.service)
        _memo_kinds[key] = made
    return made
