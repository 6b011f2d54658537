# ruff: noqa: E501 - templates are as long as the real lines
"""Row 1, the online public-service portal: nginx, ModSecurity and the application's own JSON, citizen by citizen."""

from random import Random
from urllib.parse import quote

import msgspec

from model import Micros
from model.moment import MINUTE, SECOND
from province import identity, people
from province.line import Bursts, Line, Scene
from province.places import DOMAIN
from province.rhythm import FLAT, PUBLIC, clf, ctime, every, iso, moments, plain

SITE = f"dichvucong.{DOMAIN}"
_json = msgspec.json.encode

STATIC = (
    "/static/css/cong-dich-vu.9c1e.css",
    "/static/js/app.4f2c88.js",
    "/static/js/vendor.77ab.js",
    "/static/img/quoc-huy.svg",
    "/static/fonts/be-vietnam-pro.woff2",
    "/api/thong-bao/moi-nhat",
)
SEARCHES = tuple(quote(s) for s in ("đăng ký khai sinh", "cấp đổi CCCD", "giấy phép xây dựng", "đất đai", "lý lịch tư pháp"))
PROBES = (
    "/.env",
    "/wp-login.php",
    "/.git/config",
    "/phpmyadmin/index.php",
    "/admin/config.php",
    "/cgi-bin/luci/;stok=/locale",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/actuator/health",
    "/boaform/admin/formLogin",
    "/owa/auth/logon.aspx",
    "/solr/admin/info/system?wt=json",
    "/HNAP1/",
)
SCANNERS = ("Mozilla/5.0 zgrab/0.x", "curl/8.5.0", "python-requests/2.32.3", "Mozilla/5.0 (compatible; CensysInspect/1.1)", "-")


def access(at: Micros, ip: str, request: str, status: int, size: int, agent: str, referer: str = "-", attack: str = "") -> Line:
    """One nginx combined line; ``request`` is ``GET /path``."""
    text = f'{ip} - - [{clf(at)}] "{request} HTTP/1.1" {status} {size} "{referer}" "{agent}"'
    return Line(at, "file:dvc-access", "dvc-web01", text, attack)


def application(at: Micros, action: str, user: str, ip: str, attack: str = "", **more: object) -> Line:
    """One line of the portal's application, posted over HTTP."""
    body = {"ts": iso(at), "app": "dvc", "host": "dvc-app01", "action": action, "user": user, "ip": ip, **more}
    return Line(at, "http", "dvc-app01", _json(body).decode(), attack)


def dossier_code(rng: Random, at: Micros) -> str:
    """``H99.07-261121-0042``: unit, date, number."""
    return f"H99.{rng.randrange(1, 30):02d}-{plain(at)[2:10].replace('-', '')}-{rng.randrange(10_000):04d}"


def _page(rng: Random, at: Micros, who: people.Citizen, path: str, lines: list[Line]) -> None:
    lines.append(access(at, who.ip, f"GET {path}", 200, rng.randrange(4_000, 60_000), who.agent, f"https://{SITE}/"))
    for asset in rng.sample(STATIC, rng.randrange(1, 5)):
        later = at + rng.randrange(20_000, 900_000)
        status = 304 if rng.random() < 0.5 else 200
        size = 0 if status == 304 else rng.randrange(900, 240_000)
        lines.append(access(later, who.ip, f"GET {asset}", status, size, who.agent, f"https://{SITE}{path}"))


def visit(rng: Random, start: Micros) -> list[Line]:
    """A citizen: browses, and half of them log in, upload papers, submit, ask for the status or pay."""
    who = people.make_citizen(rng)
    code, _ = rng.choice(people.PROCEDURES)
    lines: list[Line] = []
    at = start
    search = f"/dichvucong/thu-tuc?tukhoa={rng.choice(SEARCHES)}"
    for path in ("/", search, f"/dichvucong/thu-tuc/{code}")[: rng.randrange(1, 4)]:
        _page(rng, at, who, path, lines)
        at += rng.randrange(8, 60) * SECOND
    if rng.random() < 0.35:
        dossier = dossier_code(rng, at)
        lines.append(access(at, who.ip, f"GET /tra-cuu-ho-so?ma={dossier}", 200, 5_120, who.agent, f"https://{SITE}/"))
        found = "ok" if rng.random() < 0.9 else "not_found"
        lines.append(application(at + 40_000, "status", "", who.ip, dossier=dossier, result=found))
    if rng.random() < 0.5:
        lines += identity.citizen_login(rng, at, who)
        lines += _submit(rng, at + 12 * SECOND, who, code)
    return lines


def _submit(rng: Random, at: Micros, who: people.Citizen, procedure: str) -> list[Line]:
    dossier = dossier_code(rng, at)
    lines = [application(at, "login", who.cccd, who.ip, result="ok")]
    for paper in rng.sample(people.PAPERS, rng.randrange(1, 4)):
        at += rng.randrange(20, 120) * SECOND
        size = rng.randrange(40_000, 4_000_000)
        mime = people.MIME[paper.rsplit(".", 1)[1]]
        lines.append(
            access(at, who.ip, f"POST /api/tep/tai-len?ten={quote(paper)}", 201, 412, who.agent, f"https://{SITE}/nop-ho-so")
        )
        lines.append(
            application(at + 60_000, "upload", who.cccd, who.ip, dossier=dossier, file=paper, size=size, mime=mime, result="ok")
        )
    at += rng.randrange(30, 180) * SECOND
    lines.append(access(at, who.ip, f"POST /api/ho-so/{dossier}/nop", 200, 890, who.agent, f"https://{SITE}/nop-ho-so"))
    lines.append(
        application(
            at + 80_000, "submit", who.cccd, who.ip, dossier=dossier, procedure=procedure, applicant=who.name, result="ok"
        )
    )
    if rng.random() < 0.4:
        at += rng.randrange(20, 60) * SECOND
        fee = rng.choice((5_000, 20_000, 50_000, 200_000))
        lines.append(application(at, "pay", who.cccd, who.ip, dossier=dossier, amount=fee, gateway="PayGov", result="ok"))
    at += rng.randrange(30, 300) * SECOND
    lines.append(access(at, who.ip, f"GET /tra-cuu-ho-so?ma={dossier}", 200, 5_230, who.agent, f"https://{SITE}/"))
    lines.append(application(at + 30_000, "status", who.cccd, who.ip, dossier=dossier, result="ok"))
    return lines


def scan(rng: Random, start: Micros) -> list[Line]:
    """A scanner on its round: a few dozen 404s, now and then something the WAF blocks."""
    ip, agent = people.stranger(rng), rng.choice(SCANNERS)
    lines, at = [], start
    for _ in range(150 if rng.random() < 0.04 else rng.randrange(1, 25)):
        at += rng.randrange(200_000, 1_800_000)
        path = rng.choice(PROBES)
        lines.append(access(at, ip, f"GET {path}", 404, 153, agent))
        if rng.random() < 0.15:
            text = (
                f'{plain(at).replace("-", "/")} [error] 812#812: *{rng.randrange(10**6)} open() "/srv/dvc/public{path}" failed '
                f'(2: No such file or directory), client: {ip}, server: {SITE}, request: "GET {path} HTTP/1.1", host: "{SITE}"'
            )
            lines.append(Line(at, "file:dvc-error", "dvc-web01", text))
    if rng.random() < 0.5:
        query = rng.choice(("id=1%27%20OR%201%3D1--", "q=%3Cscript%3Ealert(1)%3C/script%3E", "file=../../../../etc/passwd"))
        lines.append(access(at + SECOND, ip, f"GET /tra-cuu?{query}", 403, 146, agent))
        lines.append(
            modsecurity(
                rng, at + SECOND, ip, f"/tra-cuu?{query}", 403, agent, "SQL Injection Attack Detected via libinjection", "942100"
            )
        )
    return lines


def modsecurity(
    rng: Random,
    at: Micros,
    ip: str,
    uri: str,
    status: int,
    agent: str,
    message: str,
    rule: str,
    attack: str = "",
    method: str = "GET",
) -> Line:
    """One line of ModSecurity 3's JSON audit log."""
    body = {
        "transaction": {
            "client_ip": ip,
            "time_stamp": ctime(at),
            "server_id": "a1c2f3d4e5b6",
            "client_port": rng.randrange(20_000, 60_000),
            "host_ip": "10.20.1.11",
            "host_port": 443,
            "unique_id": f"{at // 1000}.{rng.randrange(10**6):06d}",
            "request": {"method": method, "http_version": 1.1, "uri": uri, "headers": {"Host": SITE, "User-Agent": agent}},
            "response": {"http_code": status, "headers": {"Server": "nginx"}},
            "producer": {
                "modsecurity": "ModSecurity v3.0.14 (Linux)",
                "secrules_engine": "Enabled",
                "components": ['OWASP_CRS/4.18.0"'],
            },
            "messages": [
                {
                    "message": message,
                    "details": {
                        "match": f"Matched \"Operator `Rx' against variable `REQUEST_URI' (Value: `{uri}' )",
                        "ruleId": rule,
                        "file": "/etc/modsecurity/crs/rules/REQUEST.conf",
                        "severity": "2",
                        "ver": "OWASP_CRS/4.18.0",
                        "tags": ["OWASP_CRS", "paranoia-level/1"],
                    },
                }
            ],
        }
    }
    return Line(at, "file:dvc-modsec", "dvc-web01", _json(body).decode(), attack)


def visits(scene: Scene) -> Bursts:
    """Citizens all day."""
    for at in moments(scene.rng, scene.day, 1_500 * scene.scale, PUBLIC):
        yield at, visit(scene.rng, at)


def scans(scene: Scene) -> Bursts:
    """Scanners, day and night."""
    for at in moments(scene.rng, scene.day, 120 * scene.scale, FLAT):
        yield at, scan(scene.rng, at)


def probes(scene: Scene) -> Bursts:
    """The load balancer asks every two minutes whether the portal lives; the upstream is slow now and then."""
    for at in every(scene.day, 2 * MINUTE, 3 * SECOND):
        lines = [access(at, "10.20.1.5", "GET /healthz", 200, 2, "HAProxy/3.0")]
        if scene.rng.random() < 0.02:
            text = (
                f"{plain(at).replace('-', '/')} [error] 812#812: *{scene.rng.randrange(10**6)} upstream timed out (110: Connection timed out) "
                f"while reading response header from upstream, client: 10.20.1.5, server: {SITE}, "
                f'request: "GET /healthz HTTP/1.1", upstream: "http://10.20.1.21:8080/healthz", host: "{SITE}"'
            )
            lines.append(Line(at, "file:dvc-error", "dvc-web01", text))
        yield at, lines


STREAMS = (visits, scans, probes)
