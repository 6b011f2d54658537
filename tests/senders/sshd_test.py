"""A real sshd with real log-ins, refused and accepted, seen through rsyslog and through a file of its own.

Where accounts and /dev/log are needed, sshd and rsyslogd run in a mount namespace: they see a throw-away account, PAM file and
/dev/log there, and the machine's own stay untouched.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kept import arrived, counted, events, now, reported
from programs import Program, installed, missing, rsyslog
from running import HANOI, Running, once, until

from bench.house import House

pytestmark = pytest.mark.slow
GUESSING = "53055577-b1f4-438f-b490-c54ca261edfe"
THEN_LOGIN = "e02d325c-d708-42d4-aefd-b0d7cff0675b"
ATTACKER, OFFICE = "127.66.6.6", "127.0.0.9"
"""Loopback addresses the client binds to, so that each is an address of its own in the log."""
PASSWORD = "mật-khẩu-đúng"
HOST = "dvc-db01"


class Server:
    """sshd's files in ``folder``: host key, settings, account ``lan`` with ``PASSWORD`` and a key, what ssh needs to answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        keygen = installed("ssh-keygen", "openssh-client")
        for name in ("host", "right", "wrong"):
            once(keygen, "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name)
        (folder / "keys").mkdir()
        for account in ("lan", "root"):
            shutil.copy(folder / "right.pub", folder / "keys" / account)
        ask = folder / "askpass"
        ask.write_text('#!/bin/sh\nprintf "%s\\n" "$GUESS"\n')
        ask.chmod(0o700)

    def settings(self, *more: str) -> Path:
        file = self.folder / "sshd_config"
        lines = [f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {self.folder}/host", "StrictModes no"]
        # sshd reads the keys as the user, who may not enter the tests' folder.
        keys = "/run/keys" if os.geteuid() == 0 else self.folder / "keys"
        lines += [f"AuthorizedKeysFile {keys}/%u", f"PidFile {self.folder}/sshd.pid", "MaxStartups 100", "UseDNS no"]
        file.write_text("\n".join([*lines, *more]) + "\n")
        return file

    def ssh(self, user: str, *options: str, source: str = OFFICE, password: str = "") -> int:
        """Try to log in and run `true`; ssh's exit code: 255 when refused."""
        line = [str(installed("ssh", "openssh-client").path), "-F", "none", "-p", str(self.port), "-b", source, "-l", user]
        line += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"]
        line += ["-o", "IdentityAgent=none", "-o", "NumberOfPasswordPrompts=3", *options, "127.0.0.1", "true"]
        variables = {"SSH_ASKPASS": f"{self.folder}/askpass", "SSH_ASKPASS_REQUIRE": "force", "GUESS": password}
        done = subprocess.run(line, env={**os.environ, **variables}, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
        return done.returncode

    def by_key(self, user: str, key: str, source: str = OFFICE) -> int:
        return self.ssh(user, "-o", "PreferredAuthentications=publickey", "-i", f"{self.folder}/{key}", source=source)

    def by_password(self, user: str, password: str, source: str = OFFICE) -> int:
        return self.ssh(user, "-o", "PreferredAuthentications=password", source=source, password=password)

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def namespace(folder: Path, script: str) -> tuple[Program, list[str | Path]]:
    """``script`` with mounts and process ids of its own: SIGKILL to it ends all of it. Skips where mounts may not be made."""
    unshare = installed("unshare", "util-linux")
    if subprocess.run([unshare.path, "--mount", "true"], capture_output=True, check=False).returncode:
        missing("mounts of its own (root or CAP_SYS_ADMIN) are needed for a throw-away account")
    file = folder / "start.sh"
    file.write_text(script, "utf-8")
    return unshare, ["--mount", "--propagation", "private", "--kill-child", "--fork", "--pid", "sh", file]


MOUNTS = """set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
cp -r {folder}/keys /run/keys
chmod -R a+rX /run/keys
"""
ACCOUNT = """for name in passwd group shadow; do mount --bind {folder}/etc/$name /etc/$name; done
mount --bind {folder}/etc/pam /etc/pam.d/sshd
mkdir {folder}/dev
mount --rbind /dev {folder}/dev
mount -t tmpfs tmpfs /dev
for name in null zero random urandom tty; do touch /dev/$name; mount --bind {folder}/dev/$name /dev/$name; done
"""


def account(folder: Path) -> None:
    """/etc files for the namespace: the machine's and the account ``lan``."""
    made = folder / "etc"
    made.mkdir()
    hashed = (
        once(installed("openssl", "openssl"), "passwd", "-6", "-stdin", given=f"{PASSWORD}\n".encode()).stdout.decode().strip()
    )
    entries = {
        "passwd": "lan:x:65011:65011:Nguyễn Thị Lan:/:/bin/sh\n",
        "group": "lan:x:65011:\n",
        "shadow": f"lan:{hashed}:20000:0:99999:7:::\n",
    }
    for name, more in entries.items():
        (made / name).write_text(Path("/etc", name).read_text() + more, "utf-8")
        (made / name).chmod(0o600 if name == "shadow" else 0o644)
    (made / "pam").write_text("auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_unix.so\n")


@pytest.fixture(scope="module")
def guarded(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """sshd with PAM writing to /dev/log, rsyslogd reading it and forwarding over TCP; auth.log is what was forwarded."""
    folder = tmp_path_factory.mktemp("sshd")
    server, sshd, daemon = Server(folder), installed("sshd", "openssh-server"), rsyslog()
    if not Path("/etc/pam.d/sshd").exists():
        missing("/etc/pam.d/sshd is not there; apt-get install openssh-server")
    (folder / "rsyslog.conf").write_text(
        f"""
global(workDirectory="{folder}" localHostname="{HOST}")
module(load="imuxsock")
template(name="bare" type="string" string="%msg%\\n")
auth,authpriv.* action(type="omfile" file="{folder}/auth.log" template="bare")
auth,authpriv.* action(type="omfwd" target="127.0.0.1" port="{house.syslog}" protocol="tcp" template="RSYSLOG_ForwardFormat")
"""
    )
    settings = server.settings("UsePAM yes", "PasswordAuthentication yes", "LogLevel VERBOSE", "PermitRootLogin no")
    account(folder)
    script = (MOUNTS + ACCOUNT).format(folder=folder)
    script += f"{daemon.path} -n -M {daemon.plugins[0]} -f {folder}/rsyslog.conf -i {folder}/rsyslogd.pid &\n"
    script += f"while ! test -S /dev/log; do sleep 0.1; done\nexec {sshd.path} -D -f {settings}\n"
    unshare, arguments = namespace(folder, script)
    with Running(unshare, arguments, folder, ending=signal.SIGKILL, TZ=HANOI) as running:
        running.until("sshd listens", server.listens)
        yield server


def test_guessing_then_login(house: House, guarded: Server) -> None:
    """21 wrong passwords, then the right one: both rules fire, one incident, a receipt; every line is stored once."""
    since = now()
    names = ["lan", "root", "oracle", "đặng.quốc.vượng", "admin", "lan", "kế-toán"]
    with ThreadPoolExecutor(7) as pool:
        codes = list(pool.map(lambda name: guarded.by_password(name, "sai-mật-khẩu", ATTACKER), names))
    assert codes == [255] * 7
    failed = arrived(house, f"src_ip:{ATTACKER} AND action:failed", 21)
    assert guarded.by_password("lan", PASSWORD, ATTACKER) == 0
    assert guarded.by_key("lan", "right") == 0
    for event in failed:
        assert (event.format, event.host, event.logsource.service, event.system) == ("sshd", HOST, "sshd", "dvc")
        assert event.fields["method"] == "password" and event.fields["program"].startswith("sshd")
        assert since - 1_000_000 <= event.happened_at <= event.received_at
    assert {e.fields["username"] for e in failed} == set(names)
    assert {e.fields["username"] for e in failed if e.fields.get("invalid_user")} == set(names) - {"lan", "root"}
    (password,) = arrived(house, f"src_ip:{ATTACKER} AND action:accepted", 1)
    (key,) = arrived(house, f"src_ip:{OFFICE} AND action:accepted", 1)
    assert (password.fields["method"], key.fields["method"], key.fields["key_type"]) == ("password", "publickey", "ED25519")
    log = guarded.folder / "auth.log"
    until("session closed", lambda: log.read_text().count("session closed for user lan") == 2)
    lines = [line.strip() for line in log.read_text("utf-8").splitlines()]
    stored = arrived(house, f"host:{HOST}", len(lines))
    assert sorted(str(e.fields["message"]) for e in stored) == sorted(lines)
    alert, incident = reported(house, THEN_LOGIN)
    assert (alert["level"], alert["systems"]) == ("critical", ["dvc"])
    assert alert["group"] == {"src_ip": ATTACKER}
    assert reported(house, GUESSING)[1]["id"] == incident["id"]
    assert incident["national_id"]


def test_log_file_of_its_own(tmp_path: Path) -> None:
    """`sshd -D -E file`: lines without time or host are read as sshd of the configured host."""
    server, sshd = Server(tmp_path), installed("sshd", "openssh-server")
    log = tmp_path / "sshd.log"
    settings = server.settings("UsePAM no", "PasswordAuthentication no", "LogLevel VERBOSE", "PermitRootLogin yes")
    command = f"exec {sshd.path} -D -E {log} -f {settings}\n"
    user = os.environ.get("USER") or "root"
    if os.geteuid() == 0:
        user = "root"
        (program, arguments), ending = namespace(tmp_path, MOUNTS.format(folder=tmp_path) + command), signal.SIGKILL
    else:
        shutil.copy(tmp_path / "right.pub", tmp_path / "keys" / user)
        program, arguments, ending = sshd, ["-D", "-E", log, "-f", settings], signal.SIGTERM
    files = {"sshd": {"format": "sshd", "paths": [str(log)], "host": HOST}}
    with (
        House(tmp_path / "house", files=files) as house,
        Running(program, arguments, tmp_path, ending=ending, TZ=HANOI) as running,
    ):
        running.until("sshd listens", server.listens)
        assert [server.by_key(user, "wrong", ATTACKER) for _ in range(5)] == [255] * 5
        accepted = server.by_key(user, "right")
        failed = arrived(house, f"src_ip:{ATTACKER} AND action:failed", 5)
        assert {(e.fields["method"], e.fields["username"]) for e in failed} == {("publickey", user)}
        if accepted == 0:
            (event,) = arrived(house, "action:accepted", 1)
            assert (event.fields["username"], event.fields["src_ip"]) == (user, OFFICE)
        else:
            print(f"account {user} is locked here: only the refused log-ins were checked", file=sys.stderr)
        lines = until("sshd is quiet", lambda: [x for x in log.read_text().splitlines() if x.strip()])
        stored = arrived(house, "source:sshd", len(lines))
        assert sorted(e.original for e in stored) == sorted(lines)
        assert {(e.format, e.host, e.tags) for e in stored} == {("sshd", HOST, ("time:received",))}
        assert counted(house, "collector_unparsed") == 0
        assert events(house, "format:unparsed") == []
