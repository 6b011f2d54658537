# ruff: noqa: E501 - templates are as long as the real lines
"""Row 23, the Internet edge: FortiGate, OpenVPN, squid and unbound."""

from random import Random
from urllib.parse import quote

from model import Micros
from model.moment import MINUTE, SECOND
from province import people
from province.line import Bursts, Line, Scene
from province.places import HOSTS
from province.rhythm import FLAT, MORNING, OFFICE, every, moments, plain, syslog

SITES = (
    "vanban.chinhphu.example",
    "baodientu.example",
    "thoitiet.example",
    "email.sonha.example",
    "capnhat.winupdate.example",
    "cdn.thuvien.example",
)
SERVICES = ((443, "HTTPS"), (443, "HTTPS"), (443, "HTTPS"), (80, "HTTP"), (53, "DNS"), (123, "NTP"))
UPDATERS = ("dvc-app01", "cttdt-web01", "srv-sltc01", "mail01")


def fortigate(at: Micros, logid: str, kind: str, subtype: str, level: str, pairs: str, attack: str = "") -> Line:
    """One FortiOS line: facility local7, no RFC 3164 header of its own beyond PRI, as the device sends it."""
    date, time = plain(at).split(" ")
    text = (
        f'<189>date={date} time={time} devname="fw-edge01" devid="FGT60FTK00000001" eventtime={at * 1000} tz="+0700" logid="{logid}" '
        f'type="{kind}" subtype="{subtype}" level="{level}" vd="root" {pairs}'
    )
    return Line(at, "syslog", "fw-edge01", text, attack)


def traffic(
    rng: Random,
    at: Micros,
    src: str,
    dst: str,
    port: int,
    service: str,
    action: str,
    inward: bool = False,
    sent: int = 0,
    attack: str = "",
) -> Line:
    """One forwarded session; ``inward`` comes from the Internet."""
    zones = ("wan1", "wan", "dmz", "dmz") if inward else ("dmz" if src.startswith("10.20.") else "lan", "dmz", "wan1", "wan")
    pairs = (
        f'srcip={src} srcport={rng.randrange(20_000, 60_000)} srcintf="{zones[0]}" srcintfrole="{zones[1]}" dstip={dst} dstport={port} '
        f'dstintf="{zones[2]}" dstintfrole="{zones[3]}" sessionid={rng.randrange(10**8)} proto={17 if port in (53, 123) else 6} '
        f'action="{action}" policyid={0 if action == "deny" else 12} policytype="policy" service="{service}" trandisp="snat" '
        f"duration={rng.randrange(1, 300)} sentbyte={sent or rng.randrange(200, 90_000)} rcvdbyte={rng.randrange(200, 900_000)} "
        f'sentpkt={rng.randrange(2, 90)} rcvdpkt={rng.randrange(2, 90)} appcat="unscanned"'
    )
    return fortigate(at, "0000000013", "traffic", "forward", "notice", pairs, attack)


def squid(rng: Random, at: Micros, ip: str, user: str, method: str, url: str, status: int, size: int, attack: str = "") -> Line:
    """One line of squid's native log."""
    result = (
        "TCP_TUNNEL" if method == "CONNECT" else rng.choice(("TCP_MISS", "TCP_MISS", "TCP_MEM_HIT", "TCP_REFRESH_UNMODIFIED"))
    )
    text = (
        f"{at // SECOND}.{at % SECOND // 1000:03d} {rng.randrange(3, 900):6d} {ip} {result}/{status} {size} {method} {url} {user} "
        f"HIER_DIRECT/198.51.100.{rng.randrange(130, 190)} {'-' if method == 'CONNECT' else 'text/html'}"
    )
    return Line(at, "file:proxy-access", "proxy01", text, attack)


def unbound(at: Micros, ip: str, name: str, kind: str = "A", attack: str = "") -> Line:
    """One query (log-queries: yes), sent by syslog."""
    return Line(at, "syslog", "dns01", syslog(30, at, "dns01", "unbound[612]", f"[612:0] info: {ip} {name}. {kind} IN"), attack)


def openvpn(at: Micros, text: str, attack: str = "") -> Line:
    """One OpenVPN line."""
    return Line(at, "syslog", "vpn01", syslog(29, at, "vpn01", "openvpn[930]", text), attack)


def browsing(scene: Scene) -> Bursts:
    """Officers on the Internet through the proxy: a name is asked, a page is read, the firewall sees the proxy."""
    rng = scene.rng
    for at in moments(rng, scene.day, 4_000 * scene.scale, OFFICE):
        who, site = rng.choice(scene.town.officers), rng.choice(SITES)
        lines = [unbound(at, HOSTS["proxy01"], site)]
        if rng.random() < 0.7:
            lines.append(
                squid(rng, at + 60_000, who.ip, who.account, "CONNECT", f"{site}:443", 200, rng.randrange(2_000, 90_000))
            )
        else:
            url = f"http://{site}/tin/{quote('dự báo thời tiết')}-{rng.randrange(999)}.html"
            lines.append(squid(rng, at + 60_000, who.ip, who.account, "GET", url, 200, rng.randrange(2_000, 90_000)))
        if rng.random() < 0.5:
            lines.append(
                traffic(rng, at + SECOND, HOSTS["proxy01"], f"198.51.100.{rng.randrange(130, 190)}", 443, "HTTPS", "close")
            )
        yield at, lines


def names(scene: Scene) -> Bursts:
    """Everything inside asks for names."""
    rng = scene.rng
    for at in moments(rng, scene.day, 5_000 * scene.scale, OFFICE):
        who = rng.choice(scene.town.officers)
        name = rng.choice(
            ("srv-dc01.sonha.example", "srv-fs01.sonha.example", "mail01.sonha.example", "sso01.sonha.example", rng.choice(SITES))
        )
        yield at, [unbound(at, who.ip, name, "AAAA" if rng.random() < 0.3 else "A")]


def crossings(scene: Scene) -> Bursts:
    """Citizens come in, servers fetch updates."""
    rng = scene.rng
    for at in moments(rng, scene.day, 4_500 * scene.scale, OFFICE):
        if rng.random() < 0.7:
            source = f"203.0.113.{rng.randrange(1, 255)}"
            yield at, [traffic(rng, at, source, HOSTS["dvc-web01"], 443, "HTTPS", "close", inward=True)]
        else:
            port, service = rng.choice(SERVICES)
            yield (
                at,
                [traffic(rng, at, HOSTS[rng.choice(UPDATERS)], f"198.51.100.{rng.randrange(130, 190)}", port, service, "accept")],
            )


def denials(scene: Scene) -> Bursts:
    """Port scans that stop at the firewall."""
    rng = scene.rng
    for start in moments(rng, scene.day, 700 * scene.scale, FLAT):
        ip = people.stranger(rng)
        ports = rng.sample((22, 23, 25, 445, 1433, 3306, 3389, 5060, 6379, 8080, 9200), rng.randrange(1, 4))
        yield (
            start,
            [
                traffic(rng, start + n * SECOND, ip, f"203.0.113.{rng.randrange(1, 9)}", port, f"tcp/{port}", "deny", inward=True)
                for n, port in enumerate(ports)
            ],
        )


def tunnels(scene: Scene) -> Bursts:
    """Officers who work from home or from the commune."""
    rng = scene.rng
    for at in moments(rng, scene.day, 60 * scene.scale, MORNING):
        who, ip = rng.choice(scene.town.officers), f"203.0.113.{rng.randrange(1, 255)}"
        peer = f"{ip}:{rng.randrange(20_000, 60_000)}"
        lines = []
        if rng.random() < 0.1:
            lines.append(openvpn(at, f"{who.account}/{peer} TLS Auth Error: Auth Username/Password verification failed for peer"))
        joined = at + 9 * SECOND
        lines.append(openvpn(joined, f"{peer} [{who.account}] Peer Connection Initiated with [AF_INET]{peer}"))
        lines.append(
            openvpn(
                joined + SECOND, f"{who.account}/{peer} MULTI: Learn: 10.99.0.{rng.randrange(2, 250)} -> {who.account}/{peer}"
            )
        )
        yield at, lines


def probes(scene: Scene) -> Bursts:
    """Clock, name and status checks every five minutes, whatever the hour."""
    rng = scene.rng
    for at in every(scene.day, 5 * MINUTE, 37 * SECOND):
        monitor = HOSTS["srv-giamsat01"]
        pairs = 'logdesc="System performance statistics" action="perf-stats" cpu=7 mem=41 totalsession=1874 msg="Performance statistics: average CPU: 7, memory: 41"'
        yield (
            at,
            [
                fortigate(at, "0100040704", "event", "system", "notice", pairs),
                unbound(at + SECOND, monitor, "sso01.sonha.example"),
                squid(rng, at + 2 * SECOND, monitor, "-", "GET", "http://thoitiet.example/", 200, 9_120),
            ],
        )


STREAMS = (browsing, names, crossings, denials, tunnels, probes)
