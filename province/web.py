# ruff: noqa: E501 - templates are as long as the real lines
"""Row 2, the provincial web portal: Apache, the CMS's audit (Liferay's JSON) and file integrity (osquery's results)."""

from random import Random
from urllib.parse import quote

import msgspec

from model import Micros
from model.moment import HOUR, MINUTE, SECOND
from province import people
from province.line import Bursts, Line, Scene
from province.places import DOMAIN, HOSTS
from province.portal import PROBES, SCANNERS
from province.rhythm import FLAT, OFFICE, PUBLIC, clf, ctime, every, moments, utc

SITE = f"www.{DOMAIN}"
ROOT = "/var/www/cttdt"
_json = msgspec.json.encode

ARTICLES = tuple(
    "/tin-tuc/" + quote(title)
    for title in (
        "Chủ tịch UBND tỉnh tiếp công dân định kỳ",
        "Kế hoạch chuyển đổi số năm 2027",
        "Thông báo lịch cúp điện",
        "Kết quả kỳ họp HĐND tỉnh khóa XI",
        "Hướng dẫn nộp hồ sơ trực tuyến",
        "Phòng chống lũ lụt mùa mưa bão",
    )
)
PAGES = ("/", "/gioi-thieu", "/van-ban-phap-luat", "/lien-he", "/rss/tin-moi.xml", "/documents/20142/0/cong-bao-so-11.pdf")
EVENTS = ("ADD", "UPDATE", "UPDATE", "PUBLISH", "ASSIGN")


def access(at: Micros, ip: str, request: str, status: int, size: int, agent: str, referer: str = "-", attack: str = "") -> Line:
    """One Apache combined line."""
    text = f'{ip} - - [{clf(at)}] "{request} HTTP/1.1" {status} {size} "{referer}" "{agent}"'
    return Line(at, "file:cttdt-access", "cttdt-web01", text, attack)


def error(rng: Random, at: Micros, ip: str, text: str) -> Line:
    """One Apache 2.4 error line."""
    stamp = f"{ctime(at)[:-5]}.{at % SECOND:06d} {ctime(at)[-4:]}"
    body = f"[{stamp}] [core:error] [pid {rng.randrange(900, 1400)}:tid {rng.randrange(10**12, 10**13)}] [client {ip}:{rng.randrange(20_000, 60_000)}] {text}"
    return Line(at, "file:cttdt-error", "cttdt-web01", body)


def audit(at: Micros, kind: str, user: str, ip: str, what: str, key: int, attack: str = "") -> Line:
    """One audit message of the CMS."""
    body = {
        "companyId": "20097",
        "groupId": "20121",
        "userName": user,
        "userEmailAddress": f"{user}@{DOMAIN}",
        "eventType": kind,
        "className": what,
        "classPK": str(key),
        "clientHost": ip,
        "clientIP": ip,
        "serverName": "cttdt-cms01",
        "serverPort": 8080,
        "timestamp": utc(at),
        "additionalInfo": {},
        "host": "cttdt-cms01",
    }
    return Line(at, "file:cttdt-cms", "cttdt-cms01", _json(body).decode(), attack)


def integrity(at: Micros, action: str, path: str, sha256: str, attack: str = "") -> Line:
    """One file event of osquery (differential result)."""
    body = {
        "name": "pack_cttdt_webroot",
        "hostIdentifier": "cttdt-web01",
        "calendarTime": f"{ctime(at - 7 * HOUR)} UTC",
        "unixTime": at // SECOND,
        "epoch": 0,
        "counter": 12,
        "columns": {"action": action, "category": "webroot", "target_path": path, "sha256": sha256, "uid": "33", "gid": "33"},
        "action": "added",
    }
    return Line(at, "file:cttdt-fim", "cttdt-web01", _json(body).decode(), attack)


def reads(scene: Scene) -> Bursts:
    """People read news and rules."""
    rng = scene.rng
    for start in moments(rng, scene.day, 2_400 * scene.scale, PUBLIC):
        ip, agent = people.home_address(rng), rng.choice(people.BROWSERS)
        lines, at, seen = [], start, "-"
        for _ in range(rng.randrange(2, 10)):
            path = rng.choice(ARTICLES) if rng.random() < 0.6 else rng.choice(PAGES)
            lines.append(
                access(at, ip, f"GET {path}", 304 if rng.random() < 0.2 else 200, rng.randrange(2_000, 90_000), agent, seen)
            )
            seen = f"https://{SITE}{path}"
            at += rng.randrange(2, 40) * SECOND
        yield start, lines


def scans(scene: Scene) -> Bursts:
    """Scanners that find nothing."""
    rng = scene.rng
    for start in moments(rng, scene.day, 100 * scene.scale, FLAT):
        ip, agent = people.stranger(rng), rng.choice(SCANNERS)
        lines, at = [], start
        for _ in range(rng.randrange(1, 20)):
            at += rng.randrange(200_000, 2_000_000)
            path = rng.choice(PROBES)
            lines.append(access(at, ip, f"GET {path}", 404, 196, agent))
        if rng.random() < 0.2:
            lines.append(access(at + SECOND, ip, "GET /cgi-bin/.%2e/.%2e/.%2e/etc/passwd", 400, 226, agent))
            lines.append(error(rng, at + SECOND, ip, "AH10244: invalid URI path (/cgi-bin/.%2e/.%2e/.%2e/etc/passwd)"))
        yield start, lines


def edits(scene: Scene) -> Bursts:
    """Editors of the office publish; the web root gains pictures."""
    rng = scene.rng
    editors = [o for o in scene.town.officers if o.office == "vp"] or list(scene.town.officers)
    for at in moments(rng, scene.day, 220 * scene.scale, OFFICE):
        who = rng.choice(editors[:12])
        lines = [
            audit(
                at,
                rng.choice(EVENTS),
                who.account,
                who.ip,
                "com.liferay.journal.model.JournalArticle",
                rng.randrange(30_000, 90_000),
            )
        ]
        if rng.random() < 0.3:
            lines.insert(0, audit(at, "LOGIN", who.account, who.ip, "com.liferay.portal.kernel.model.User", 20_130))
        if rng.random() < 0.4:
            picture = f"{ROOT}/images/tin-{rng.randrange(10**6)}.jpg"
            lines.append(integrity(at + 3 * SECOND, "CREATED", picture, f"{rng.getrandbits(256):064x}"))
        yield at, lines


def probes(scene: Scene) -> Bursts:
    """The monitor's own request, every two minutes."""
    for at in every(scene.day, 2 * MINUTE, 11 * SECOND):
        yield at, [access(at, HOSTS["srv-giamsat01"], "GET /", 200, 18_250, "giamsat/2.1")]


STREAMS = (reads, scans, edits, probes)
