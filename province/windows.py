"""Row 20 again, Windows: Sysmon, Security and PowerShell as Winlogbeat 8 posts them."""

from functools import lru_cache
from hashlib import sha256
from random import Random

import msgspec

from model import Micros
from model.moment import MINUTE, SECOND
from province.line import Bursts, Line, Scene
from province.people import Officer
from province.places import DOMAIN, HOSTS, NETBIOS
from province.rhythm import MORNING, OFFICE, every, moments, plain, utc

SYSMON = ("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon")
SECURITY = ("Security", "Microsoft-Windows-Security-Auditing")
POWERSHELL = ("Microsoft-Windows-PowerShell/Operational", "Microsoft-Windows-PowerShell")
SYSTEM = ("System", "Service Control Manager")
_json = msgspec.json.encode

PROGRAMS = (
    (r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE", '/n "D:\\Tài liệu\\{doc}.docx"'),
    (r"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE", '"D:\\Tài liệu\\{doc}.xlsx"'),
    (r"C:\Program Files\CocCoc\Browser\Application\browser.exe", "--profile-directory=Default"),
    (r"C:\Program Files (x86)\UniKey\UniKeyNT.exe", ""),
    (r"C:\Program Files\Google\Chrome\Application\chrome.exe", "--type=renderer"),
    (r"C:\Windows\System32\notepad.exe", '"D:\\Tài liệu\\ghi chú.txt"'),
    (r"C:\Windows\System32\svchost.exe", "-k netsvcs -p"),
    (r"C:\Program Files\VGCA\Sign Service\VGCASignService.exe", "--ky-so"),
)
PAPERS = ("Tờ trình", "Báo cáo quý IV", "Công văn 1245-UBND", "Danh sách cán bộ", "Kế hoạch 2027", "Biên bản họp giao ban")
SCRIPTS = ("Get-Service | Where-Object Status -eq 'Running'", "Get-PSDrive -PSProvider FileSystem", "Get-WindowsUpdateLog")


def record(
    at: Micros, computer: str, log: tuple[str, str], code: int, fields: dict[str, object], attack: str = "", number: int = 0
) -> Line:
    """One Winlogbeat document."""
    channel, provider = log
    full = f"{computer}.{DOMAIN}"
    body = {
        "@timestamp": utc(at),
        "agent": {"type": "winlogbeat", "version": "8.19.5", "hostname": computer},
        "ecs": {"version": "8.0.0"},
        "event": {"code": str(code), "kind": "event", "provider": provider},
        "host": {"name": full},
        "log": {"level": "information"},
        "winlog": {
            "api": "wineventlog",
            "channel": channel,
            "computer_name": full,
            "event_id": str(code),
            "provider_name": provider,
            "record_id": number or at // 1000 % 10**9,
            "event_data": fields,
        },
    }
    return Line(at, "http", computer, _json(body).decode(), attack)


@lru_cache(maxsize=256)
def _digest(image: str) -> str:
    """The hash of a program: the same wherever it runs."""
    return sha256(image.rsplit("\\", 1)[1].lower().encode()).hexdigest().upper()


def process(
    rng: Random,
    at: Micros,
    computer: str,
    user: str,
    image: str,
    command: str,
    parent: str,
    parent_command: str = "",
    attack: str = "",
) -> Line:
    """Sysmon 1, process creation; ``user`` without domain."""
    fields: dict[str, object] = {
        "RuleName": "-",
        "UtcTime": utc(at)[:-1].replace("T", " "),
        "ProcessGuid": f"{{{rng.getrandbits(32):08x}-0f1e-6920-0100-00000000{rng.randrange(65536):04x}}}",
        "ProcessId": str(rng.randrange(1_000, 20_000)),
        "Image": image,
        "FileVersion": "10.0.22621.1",
        "OriginalFileName": image.rsplit("\\", 1)[1],
        "CommandLine": command,
        "CurrentDirectory": "C:\\Windows\\system32\\",
        "User": f"{NETBIOS}\\{user}",
        "LogonId": f"0x{rng.getrandbits(24):x}",
        "IntegrityLevel": "Medium",
        "Hashes": f"SHA256={_digest(image)}",
        "ParentImage": parent,
        "ParentCommandLine": parent_command or parent,
        "ParentUser": f"{NETBIOS}\\{user}",
    }
    return record(at, computer, SYSMON, 1, fields, attack)


def file_created(rng: Random, at: Micros, computer: str, user: str, image: str, path: str, attack: str = "") -> Line:
    """Sysmon 11."""
    fields: dict[str, object] = {
        "UtcTime": utc(at)[:-1].replace("T", " "),
        "ProcessId": str(rng.randrange(1_000, 20_000)),
        "Image": image,
        "TargetFilename": path,
        "CreationUtcTime": utc(at)[:-1].replace("T", " "),
        "User": f"{NETBIOS}\\{user}",
    }
    return record(at, computer, SYSMON, 11, fields, attack)


def logon(rng: Random, at: Micros, computer: str, user: str, ip: str, kind: int = 3, code: int = 4624, attack: str = "") -> Line:
    """Security 4624 or 4625; ``kind`` 2 at the keyboard, 3 over the network, 5 a service, 10 remote desktop."""
    fields: dict[str, object] = {
        "SubjectUserSid": "S-1-5-18",
        "SubjectUserName": f"{computer}$",
        "SubjectDomainName": NETBIOS,
        "SubjectLogonId": "0x3e7",
        "TargetUserSid": "S-1-5-21-1004336348-1177238915-682003330-1105",
        "TargetUserName": user,
        "TargetDomainName": NETBIOS,
        "TargetLogonId": f"0x{rng.getrandbits(24):x}",
        "LogonType": str(kind),
        "LogonProcessName": "Kerberos",
        "AuthenticationPackageName": "Kerberos",
        "WorkstationName": "-",
        "IpAddress": ip,
        "IpPort": str(rng.randrange(49_152, 65_535)),
    }
    if code == 4625:
        fields |= {"Status": "0xc000006d", "SubStatus": "0xc000006a", "FailureReason": "%%2313"}
    return record(at, computer, SECURITY, code, fields, attack)


def _work(rng: Random, at: Micros, who: Officer) -> list[Line]:
    image, arguments = rng.choice(PROGRAMS)
    command = f'"{image}" {arguments.format(doc=rng.choice(PAPERS))}'.strip()
    lines = [process(rng, at, who.pc, who.account, image, command, r"C:\Windows\explorer.exe")]
    if "Office16" in image:
        name = f"{rng.choice(PAPERS)} {plain(at)[:10]}.docx"
        lines.append(file_created(rng, at + 2 * MINUTE, who.pc, who.account, image, f"D:\\Tài liệu\\{name}"))
        if rng.random() < 0.3:
            share = f"E:\\Chung\\{who.office.upper()}\\{name}"
            lines.append(logon(rng, at + 3 * MINUTE, "srv-fs01", who.account, who.ip))
            lines.append(file_created(rng, at + 3 * MINUTE + SECOND, "srv-fs01", who.account, "System", share))
    return lines


def mornings(scene: Scene) -> Bursts:
    """Officers sign in at their PCs; the domain controller sees it."""
    rng = scene.rng
    for at in moments(rng, scene.day, 450 * scene.scale, MORNING):
        who = rng.choice(scene.town.officers)
        lines = []
        if rng.random() < 0.05:
            lines.append(logon(rng, at, who.pc, who.account, "127.0.0.1", 2, 4625))
        lines.append(logon(rng, at + 8 * SECOND, who.pc, who.account, "127.0.0.1", 2))
        lines.append(logon(rng, at + 9 * SECOND, "srv-dc01", who.account, who.ip))
        yield at, lines


def work(scene: Scene) -> Bursts:
    """Programs are opened, papers are saved."""
    for at in moments(scene.rng, scene.day, 4_200 * scene.scale, OFFICE):
        yield at, _work(scene.rng, at, scene.rng.choice(scene.town.officers))


def scripts(scene: Scene) -> Bursts:
    """Management scripts on the servers, and their own log-ons, every ten minutes."""
    rng = scene.rng
    for step, at in enumerate(every(scene.day, 10 * MINUTE, 53 * SECOND)):
        lines = []
        for host in ("srv-dc01", "srv-fs01"):
            text = SCRIPTS[step % len(SCRIPTS)]
            fields: dict[str, object] = {
                "MessageNumber": "1",
                "MessageTotal": "1",
                "ScriptBlockText": text,
                "ScriptBlockId": f"{rng.getrandbits(64):016x}",
                "Path": "",
            }
            lines.append(logon(rng, at, host, "svc_giamsat", HOSTS["srv-giamsat01"]))
            lines.append(record(at + SECOND, host, POWERSHELL, 4104, fields))
        yield at, lines


STREAMS = (mornings, work, scripts)
