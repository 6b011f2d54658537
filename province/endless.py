"""Log lines without end, for benchmarks and fault tests: cheap templates, each line with a serial of its own.

The serial stands in every line as ``vg-<12 digits>``, counting from ``first``, so that what was lost or doubled on the way can be
counted at the other end. Lines look like those of the day (nginx, sshd, FortiGate, application JSON, …) and are quiet: no rule
above ``low`` matches one.
"""

import re
from collections.abc import Iterator
from random import Random

import msgspec

from model import Micros
from model.moment import SECOND
from province import people
from province.line import Line
from province.rhythm import bsd, clf, iso, plain

_SERIAL = re.compile(r"vg-(\d{12})")
_BLOCK = 4096


class _Mould(msgspec.Struct, frozen=True):
    """A line cut at the place of its time and of its serial: ``head`` time ``middle`` serial ``tail``."""

    channel: str
    host: str
    clock: int
    head: str
    middle: str
    tail: str


class Endless:
    """Lines from ``start`` on, ``rate`` a second of event time (at least 1).

    The same arguments give the same lines. ``channels`` keeps only these channels (``syslog`` for a TCP benchmark).
    """

    def __init__(
        self, seed: int, start: Micros = 1_795_194_000_000_000, rate: int = 1000, first: int = 0, channels: tuple[str, ...] = ()
    ) -> None:
        self.start = start
        self.rate = max(1, rate)
        self.first = first
        rng = Random(f"{seed}:endless")  # noqa: S311 - reproducible, not secret
        moulds = [mould for mould in _moulds(rng) if not channels or mould.channel in channels]
        if not moulds:
            raise ValueError(f"no line travels by {', '.join(channels)}; use syslog, http or file:dvc-access")
        self._moulds = [rng.choice(moulds) for _ in range(_BLOCK)]

    def lines(self) -> Iterator[Line]:
        """Never ends."""
        for at, mould, text in self._texts():
            yield Line(at, mould.channel, mould.host, text)

    def texts(self) -> Iterator[str]:
        """Only the texts of ``lines()``: for senders that need no more."""
        for _, _, text in self._texts():
            yield text

    def _texts(self) -> Iterator[tuple[Micros, _Mould, str]]:
        moulds, number, second = self._moulds, self.first, -1
        step = SECOND // self.rate if self.rate <= SECOND else 1
        at = self.start
        stamps: tuple[str, ...] = ()
        while True:
            if at // SECOND != second:
                second = at // SECOND
                stamps = (bsd(at), clf(at), iso(at), _fortinet(at))
            mould = moulds[number % _BLOCK]
            yield at, mould, f"{mould.head}{stamps[mould.clock]}{mould.middle}vg-{number:012d}{mould.tail}"
            number += 1
            at += step


def serial_of(text: str) -> int | None:
    """The serial in ``text``, None when it has none."""
    found = _SERIAL.search(text)
    return int(found[1]) if found else None


def _fortinet(at: Micros) -> str:
    date, time = plain(at).split(" ")
    return f"date={date} time={time}"


def _moulds(rng: Random) -> list[_Mould]:
    """A few hundred lines to choose from."""
    moulds = []
    for number in range(64):
        ip = f"203.0.113.{rng.randrange(1, 255)}"
        officer = f"{people.ascii_of(rng.choice(people.GIVEN))}.{number}"
        moulds += [*_by_syslog(number, ip, officer), *_by_other_ways(people.make_citizen(rng))]
    return moulds


def _by_syslog(number: int, ip: str, officer: str) -> list[_Mould]:
    sudo = f" srv-sltc01 sudo - - - {officer} : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/echo "
    firewall = (
        ' devname="fw-edge01" devid="FGT60FTK00000001" logid="0000000013" type="traffic" subtype="forward" level="notice" '
        f'srcip={ip} dstip=10.20.1.11 dstport=443 action="close" msg="'
    )
    cleanup = f" mail01 postfix/cleanup[1204]: 4Xk2pR1vz{number:03d}: message-id=<"
    sshd = " cttdt-web01 sshd[4012]: Accepted publickey for "
    unbound = f" dns01 unbound[612]: [612:0] info: 10.30.1.{number} "
    return [
        _Mould("syslog", "cttdt-web01", 0, "<38>", sshd, f" from {ip} port 50022 ssh2"),
        _Mould("syslog", "mail01", 0, "<22>", cleanup, "@sonha.example>"),
        _Mould("syslog", "srv-sltc01", 2, "<86>1 ", sudo, ""),
        _Mould("syslog", "fw-edge01", 3, "<189>", firewall, '"'),
        _Mould("syslog", "dns01", 0, "<30>", unbound, ".sonha.example. A IN"),
    ]


def _by_other_ways(citizen: people.Citizen) -> list[_Mould]:
    asked = f'","app":"dvc","action":"status","user":"{citizen.cccd}","ip":"{citizen.ip}","dossier":"'
    read = f' HTTP/1.1" 200 5120 "-" "{citizen.agent}"'
    return [
        _Mould("file:dvc-access", "dvc-web01", 1, f"{citizen.ip} - - [", '] "GET /dichvucong/thu-tuc/', read),
        _Mould("http", "dvc-app01", 2, '{"ts":"', asked, '","result":"ok"}'),
    ]
