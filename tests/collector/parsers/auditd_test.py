"""Linux audit events: records alone and joined."""

from collections.abc import Callable

import pytest

from collector.parsers import auditd
from collector.recipe import Context
from model import ParseError

CONTEXT = Context(received_at=0)
HEAD = "node=web-01 type={} msg=audit(1795228200.123:456): "
SYSCALL = HEAD.format("SYSCALL") + (
    "arch=c000003e syscall=59 success=yes exit=0 a0=55d a1=55e a2=0 a3=8 items=2 ppid=812 pid=913 auid=1000 uid=33 euid=33 "
    'tty=(none) ses=2 comm="curl" exe="/usr/bin/curl" key="exec"\x1dARCH=x86_64 SYSCALL=execve AUID="lan" UID="www-data"'
)
EXECVE = HEAD.format("EXECVE") + 'argc=4 a0="curl" a1="-o" a2=2F746D702F74E1BB87702074696E a3_len=6 a3[0]=4142 a3[1]=43'
CWD = HEAD.format("CWD") + 'cwd="/var/www"'
PATHS = (
    HEAD.format("PATH") + 'item=0 name="/usr/bin/curl" inode=12 nametype=NORMAL',
    HEAD.format("PATH") + 'item=1 name="up/x.php" inode=13 nametype=CREATE',
)
PROCTITLE = HEAD.format("PROCTITLE") + "proctitle=6375726C002D6F00"
GROUP = (SYSCALL, EXECVE, CWD, *PATHS, PROCTITLE)
LOGIN = (
    "type=USER_LOGIN msg=audit(1795228200.200:457): pid=1 uid=0 auid=4294967295 ses=4294967295 "
    """msg='op=login acct="lan.nt" exe="/usr/sbin/sshd" hostname=? addr=203.0.113.9 terminal=ssh res=failed'\x1dUID="root\""""
)
CONNECT = (
    'type=SYSCALL msg=audit(1795228201.5:458): arch=c000003e syscall=42 success=no comm="nc" exe="/usr/bin/nc" uid=0',
    "type=SOCKADDR msg=audit(1795228201.5:458): saddr=020001BBCB0071090000000000000000",
)


def test_an_execution_has_sigmas_names() -> None:
    """The records of an execve give Image, CommandLine with decoded arguments, directory, user, and the file created."""
    parsed = auditd.parse_group(GROUP, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "type": ["SYSCALL", "EXECVE", "CWD", "PATH", "PATH", "PROCTITLE"],
            "SYSCALL": "execve",
            "a0": "curl",
            "a2": "/tmp/tệp tin",
            "a3": "ABC",
            "Image": "/usr/bin/curl",
            "CommandLine": "curl -o /tmp/tệp tin ABC",
            "CurrentDirectory": "/var/www",
            "User": "www-data",
            "TargetFilename": "/var/www/up/x.php",
            "name": ["/usr/bin/curl", "up/x.php"],
            "proctitle": "curl -o",
            "key": "exec",
            "AUID": "lan",
        }.items()
    )
    assert "tty" not in parsed.fields, "(none) says nothing"
    assert parsed.logsource.categories == ("process_creation", "file_event")
    assert (parsed.logsource.product, parsed.logsource.service, parsed.host) == ("linux", "auditd", "web-01")
    assert parsed.happened_at == 1_795_228_200_123_000


def test_one_text_with_line_feeds_is_the_same() -> None:
    """A joined event kept as text parses to the same."""
    assert auditd.parse("\n".join(GROUP), CONTEXT) == auditd.parse_group(GROUP, CONTEXT)


def test_user_records() -> None:
    """A log-in by a user program gives account, address and outcome from inside ``msg='…'``."""
    fields = auditd.parse(LOGIN, CONTEXT).fields
    assert fields.items() >= {"type": ["USER_LOGIN"], "username": "lan.nt", "src_ip": "203.0.113.9", "res": "failed"}.items()
    assert "hostname" not in fields


def test_connections() -> None:
    """An outgoing connection gives its peer; the system call is named by its number; IPv6 too."""
    parsed = auditd.parse_group(CONNECT, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "SYSCALL": "connect",
            "DestinationIp": "203.0.113.9",
            "DestinationPort": 443,
            "Initiated": "true",
            "Image": "/usr/bin/nc",
        }.items()
    )
    assert parsed.logsource.categories == ("network_connection",)
    v6 = CONNECT[1].partition("saddr=")[0] + "saddr=0A0001BB00000000" + "20010DB8" + "0" * 22 + "09" + "00000000"
    assert auditd.parse_group((CONNECT[0], v6), CONTEXT).fields["DestinationIp"] == "2001:db8::9"
    assert auditd.parse(CONNECT[1], CONTEXT).fields["src_ip"] == "203.0.113.9", "alone, the peer is the source"


def test_a_failed_execution_creates_no_process() -> None:
    """An execve that failed is not process creation."""
    assert auditd.parse(SYSCALL.replace("success=yes", "success=no"), CONTEXT).logsource.categories == ()


@pytest.mark.parametrize(
    "text",
    ["", "type=SYSCALL", "msg=audit(1.2:3): x=y", "type=A msg=audit(x.y:z): a=b", "type=A msg=audit(99999999999999.1:1): a=b"],
)
def test_others_are_refused(text: str) -> None:
    """Without type, time and serial it is no audit record."""
    with pytest.raises(ParseError):
        auditd.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(auditd.parse, ("\n".join(GROUP), EXECVE, LOGIN, *CONNECT))
