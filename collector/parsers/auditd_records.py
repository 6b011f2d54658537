"""One record of the Linux audit system: its head, its pairs, its encodings. Pure.

Form: ``[node=…] type=SYSCALL msg=audit(1795228200.123:456): key=value …``, after 0x1D the names auditd adds when it enriches
(``UID="root"``). The kernel writes text it does not trust in quotes when it is harmless, else as hexadecimal (audit-userspace,
"auparse"); user programs put their pairs into ``msg='…'``.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import msgspec

from model import Micros, ParseError

_HEAD: Final = 512
_BODY: Final = 256 * 1024
# Starts only at a word and never looks at a character twice but once more for a quote that does not close.
_PAIR: Final = re.compile(r"""(?<![^ ])([^ ="']+)=(?:"([^"]*)"|'([^']*)'|([^ ]*))""")
_PAIRS: Final = 4_000
_HEX: Final = frozenset("0123456789ABCDEF")
_UNTRUSTED: Final = frozenset(
    (
        "proctitle",
        "comm",
        "exe",
        "cwd",
        "name",
        "acct",
        "cmd",
        "data",
        "key",
        "dir",
        "path",
        "file",
        "old-log_passwd",
        "vm",
        "ocomm",
    )
)
_NOTHING: Final = frozenset(("?", "(null)", "(none)", "{", "}"))
_NUMBERED: Final = {
    "1006": "LOGIN",
    "1100": "USER_AUTH",
    "1101": "USER_ACCT",
    "1105": "USER_START",
    "1106": "USER_END",
    "1112": "USER_LOGIN",
    "1300": "SYSCALL",
    "1302": "PATH",
    "1305": "CONFIG_CHANGE",
    "1306": "SOCKADDR",
    "1307": "CWD",
    "1309": "EXECVE",
    "1320": "EOE",
    "1326": "SECCOMP",
    "1327": "PROCTITLE",
    "1400": "AVC",
    "1701": "ANOM_ABEND",
}


class Head(msgspec.Struct, frozen=True):
    """What a record begins with. ``at`` is the event's own time; records of one event share ``node``, ``at`` and ``serial``."""

    type: str
    at: Micros
    serial: str
    node: str
    body: int
    """Index in the text where the pairs begin."""


def head(text: str) -> Head:
    """The head of one record. ParseError when it is none."""
    start = text.find("audit(", 0, _HEAD)
    colon = text.find(":", start, start + 40)
    end = text.find(")", colon, colon + 24)
    if start < 0 or colon < 0 or end < 0:
        raise ParseError("not an audit record: no 'audit(time:serial)' at its start")
    seconds, _, millis = text[start + 6 : colon].partition(".")
    serial = text[colon + 1 : end]
    if not (seconds.isdecimal() and len(seconds) <= 11 and serial.isdecimal() and (millis.isdecimal() or not millis)):
        raise ParseError("not an audit record: its time or serial is no number")
    at_type = text.find("type=", 0, start)
    if at_type < 0:
        raise ParseError("not an audit record: no 'type='")
    kind = text[at_type + 5 : start].partition(" ")[0]
    node = text[5:at_type].strip() if text.startswith("node=") else ""
    at = int(seconds) * 1_000_000 + int(millis[:6].ljust(6, "0") or 0)
    body = end + 1
    if text.startswith(":", body):
        body += 1
    return Head(_NUMBERED.get(kind, kind), at, serial, node, body)


def pairs(text: str, start: int, kind: str) -> dict[str, str]:
    """Pairs of the record from ``start`` on, decoded; what says nothing (``?``, ``(null)``) is left out.

    Pairs inside ``msg='op=login acct="lan" …'`` and ``SADDR={ saddr_fam=inet … }`` count like the others.
    """
    found: dict[str, str] = {}
    _scan(text[start : start + _BODY].replace("\x1d", " "), kind, found)
    return found


def _scan(text: str, kind: str, found: dict[str, str]) -> None:
    for key, quoted, inner, bare in _PAIR.findall(text):
        if bare:
            if key in _UNTRUSTED or (kind == "EXECVE" and key[0] == "a" and key[1:].isdecimal()):
                # a0, a1 of EXECVE are text, a0 to a3 of SYSCALL numbers; a1[0] is decoded when its parts are together.
                bare = unhex(bare)
            if bare not in _NOTHING:
                found.setdefault(key, bare)
        elif quoted:
            if quoted != "?":
                found.setdefault(key, quoted)
        elif inner:
            if key == "msg":
                _scan(inner, kind, found)
            else:
                found.setdefault(key, inner)
        if len(found) >= _PAIRS:
            return


def unhex(value: str) -> str:
    """Text the kernel wrote as hexadecimal, NUL (between arguments of ``proctitle``) made a blank. Else ``value`` as it is."""
    if len(value) < 2 or len(value) % 2 or not _HEX.issuperset(value):
        return value
    return bytes.fromhex(value).rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")


def address(saddr: str) -> tuple[str, int] | None:
    """(address, port) of a ``sockaddr`` in hexadecimal; None for other families and broken ones."""
    try:
        raw = bytes.fromhex(saddr[:128])
    except ValueError:
        return None
    family = int.from_bytes(raw[:2], "little")
    port = int.from_bytes(raw[2:4], "big")
    if family == 2 and len(raw) >= 8:
        return str(IPv4Address(raw[4:8])), port
    if family == 10 and len(raw) >= 24:
        return str(IPv6Address(raw[8:24])), port
    return None
