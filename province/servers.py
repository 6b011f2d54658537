# ruff: noqa: E501 - templates are as long as the real lines
"""Row 20, Linux servers by syslog: sshd, PAM, sudo, cron, systemd and auditd (records sent on by audisp-syslog)."""

from collections.abc import Sequence
from random import Random

from model import Micros
from model.moment import MINUTE, SECOND
from province import people
from province.line import Bursts, Line, Scene
from province.places import ADMIN_PC, HOSTS, LINUX
from province.rhythm import FLAT, OFFICE, every, moments, syslog, syslog5424

ADMINS = ("hoang.qt", "lam.qt", "thu.qt")
UIDS = {"root": 0, "tomcat": 91, "www-data": 33, "postgres": 26, "hoang.qt": 1001, "lam.qt": 1002, "thu.qt": 1003, "backup": 34}
UNITS = ("Daily apt download activities", "Rotate log files", "Cleanup of Temporary Directories", "Message of the Day")
SUDO = (
    "/usr/bin/systemctl status nginx",
    "/usr/bin/journalctl -n 100",
    "/usr/bin/apt-get update",
    "/usr/bin/less /var/log/syslog",
)


def write(pri: int, at: Micros, host: str, program: str, pid: int | str, text: str, attack: str = "") -> Line:
    """A line of a Linux host: newer hosts (``srv-…``) write RFC 5424, the others RFC 3164."""
    if host.startswith("srv-"):
        line = syslog5424(pri, at, host, program, pid or "-", text)
    else:
        line = syslog(pri, at, host, f"{program}[{pid}]" if pid else program, text)
    return Line(at, "syslog", host, line, attack)


def _audit(at: Micros, host: str, serial: int, records: Sequence[str], attack: str = "") -> list[Line]:
    stamp = f"msg=audit({at // SECOND}.{at % SECOND // 1000:03d}:{serial})"
    lines = []
    for record in records:
        kind, _, rest = record.partition(" ")
        lines.append(write(13, at, host, "audisp-syslog", "", f"type={kind} {stamp}: {rest}", attack))
    return lines


def execve(rng: Random, at: Micros, host: str, user: str, argv: Sequence[str], cwd: str = "/", attack: str = "") -> list[Line]:
    """One started program as auditd tells it (log_format = ENRICHED): SYSCALL, EXECVE, CWD, PATH, PROCTITLE."""
    uid, pid = UIDS.get(user, 1000), rng.randrange(3_000, 60_000)
    exe = argv[0]
    ids = f"auid=4294967295 uid={uid} gid={uid} euid={uid} suid={uid} fsuid={uid} egid={uid} sgid={uid} fsgid={uid}"
    names = f'AUID="unset" UID="{user}" GID="{user}" EUID="{user}" SUID="{user}" FSUID="{user}" EGID="{user}" SGID="{user}" FSGID="{user}"'
    arguments = " ".join(f'a{n}="{a}"' if not _needs_hex(a) else f"a{n}={a.encode().hex().upper()}" for n, a in enumerate(argv))
    records = (
        f"SYSCALL arch=c000003e syscall=59 success=yes exit=0 a0=5581c a1=5582d a2=5583e a3=8 items=2 ppid={pid - 7} pid={pid} {ids} "
        f'tty=(none) ses=4294967295 comm="{exe.rsplit("/", 1)[1][:15]}" exe="{exe}" subj=unconfined key="exec"\x1dARCH=x86_64 SYSCALL=execve {names}',
        f"EXECVE argc={len(argv)} {arguments}",
        f'CWD cwd="{cwd}"',
        f'PATH item=0 name="{exe}" inode={rng.randrange(10**6)} dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0'
        '\x1dOUID="root" OGID="root"',
        f"PROCTITLE proctitle={chr(0).join(argv).encode().hex().upper()}",
    )
    return _audit(at, host, rng.randrange(1000, 10**7), records, attack)


def _needs_hex(value: str) -> bool:
    """auditd writes a value in hex when it has a blank, a quote or anything beyond ASCII."""
    return any(c <= " " or c == '"' or c > "~" for c in value)


def user_record(
    at: Micros, host: str, serial: int, kind: str, op: str, account: str, ip: str = "?", attack: str = ""
) -> list[Line]:
    """One USER_* record of PAM."""
    text = (
        f'{kind} pid=4012 uid=0 auid=4294967295 ses=4294967295 subj=unconfined msg=\'op={op} acct="{account}" '
        f'exe="/usr/sbin/{"cron" if ip == "?" else "sshd"}" hostname={ip} addr={ip} terminal={"cron" if ip == "?" else "ssh"} res=success\''
        '\x1dUID="root" AUID="unset"'
    )
    return _audit(at, host, serial, (text,), attack)


def sudo(at: Micros, host: str, user: str, command: str, attack: str = "") -> list[Line]:
    """A command as root, with PAM's session around it."""
    text = f"{user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND={command}"
    return [
        write(85, at, host, "sudo", "", text, attack),
        write(
            86,
            at + 4_000,
            host,
            "sudo",
            "",
            f"pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1001)",
            attack,
        ),
        write(86, at + 900_000, host, "sudo", "", "pam_unix(sudo:session): session closed for user root", attack),
    ]


def ssh_accepted(rng: Random, at: Micros, host: str, user: str, ip: str, attack: str = "") -> list[Line]:
    """A log-in by key."""
    pid, port = rng.randrange(3_000, 60_000), rng.randrange(20_000, 60_000)
    key = "SHA256:kq3VJ0vN1mX8q2Yw7c5Rr0bT4uZ6p9LsDfGhJkMnBvC"
    return [
        write(86, at, host, "sshd", pid, f"Accepted publickey for {user} from {ip} port {port} ssh2: ED25519 {key}", attack),
        write(
            86,
            at + 20_000,
            host,
            "sshd",
            pid,
            f"pam_unix(sshd:session): session opened for user {user}(uid={UIDS.get(user, 1000)}) by (uid=0)",
            attack,
        ),
        write(38, at + 30_000, host, "systemd-logind", 611, f"New session {rng.randrange(100, 9000)} of user {user}.", attack),
    ]


def administration(scene: Scene) -> Bursts:
    """Administrators log in from the jump host and look around."""
    rng = scene.rng
    for start in moments(rng, scene.day, 130 * scene.scale, OFFICE):
        host, user, at = rng.choice(LINUX), rng.choice(ADMINS), start
        lines = ssh_accepted(rng, at, host, user, ADMIN_PC)
        for _ in range(rng.randrange(0, 3)):
            at += rng.randrange(20, 200) * SECOND
            command = rng.choice(SUDO)
            lines += sudo(at, host, user, command)
            lines += execve(rng, at + 8_000, host, "root", command.split())
        pid = rng.randrange(3_000, 60_000)
        lines.append(write(86, at + 5 * MINUTE, host, "sshd", pid, f"Disconnected from user {user} {ADMIN_PC} port 50022"))
        yield start, lines


def knocks(scene: Scene) -> Bursts:
    """The Internet knocks at the one sshd it reaches: one guess an address."""
    rng = scene.rng
    for at in moments(rng, scene.day, 260 * scene.scale, FLAT):
        ip, pid, port = people.stranger(rng), rng.randrange(3_000, 60_000), rng.randrange(20_000, 60_000)
        host, user = "cttdt-web01", rng.choice(("admin", "ubuntu", "oracle", "test", "quản_trị", "git"))
        texts = (
            f"Invalid user {user} from {ip} port {port}",
            f"Failed password for invalid user {user} from {ip} port {port} ssh2",
            f"Connection closed by invalid user {user} {ip} port {port} [preauth]",
        )
        yield at, [write(38, at + n * SECOND, host, "sshd", pid, text) for n, text in enumerate(texts)]


def timers(scene: Scene) -> Bursts:
    """cron and auditd of every host, every ten minutes; it is how a silent host is noticed."""
    rng = scene.rng
    for step, at in enumerate(every(scene.day, 10 * MINUTE, 41 * SECOND)):
        lines: list[Line] = []
        for number, host in enumerate(LINUX):
            moment, pid = at + number * 3 * SECOND, rng.randrange(3_000, 60_000)
            lines.append(
                write(86, moment, host, "CRON", pid, "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)")
            )
            lines.append(
                write(
                    78, moment + 3_000, host, "CRON", pid + 1, "(root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)"
                )
            )
            lines += user_record(moment + 4_000, host, 10_000 + step * 10, "USER_START", "PAM:session_open", "root")
            lines.append(write(86, moment + 700_000, host, "CRON", pid, "pam_unix(cron:session): session closed for user root"))
        yield at, lines


def units(scene: Scene) -> Bursts:
    """systemd starts and finishes what it is told to; programs run."""
    rng = scene.rng
    for at in moments(rng, scene.day, 500 * scene.scale, FLAT):
        host, unit = rng.choice(LINUX), rng.choice(UNITS)
        lines = [
            write(30, at, host, "systemd", 1, f"Starting {unit}..."),
            write(30, at + SECOND, host, "systemd", 1, f"Finished {unit}."),
        ]
        lines += execve(rng, at + 5_000, host, "root", ("/usr/sbin/logrotate", "/etc/logrotate.conf"))
        yield at, lines


def backups(scene: Scene) -> Bursts:
    """Each night every server copies itself to the storage host."""
    rng = scene.rng
    for number, host in enumerate(LINUX):
        at = scene.day + (120 + 9 * number) * MINUTE
        argv = ("/usr/bin/rsync", "-a", "/srv/dữ liệu/", f"srv-sluu01:/sao-luu/{host}/")
        yield at, execve(rng, at, host, "backup", argv) + ssh_accepted(rng, at + SECOND, "srv-sluu01", "backup", HOSTS[host])


STREAMS = (administration, knocks, timers, units, backups)
