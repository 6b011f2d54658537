# ruff: noqa: E501 - templates are as long as the real lines
"""Row 6, the integration platform: WSO2 API Manager's analytics (JSON lines) and HTTP access."""

from random import Random

import msgspec

from model import Micros
from model.moment import MINUTE, SECOND
from province.line import Bursts, Line, Scene
from province.places import HOSTS
from province.rhythm import FLAT, NIGHT, OFFICE, clf, every, moments, utc

_json = msgspec.json.encode


class Application(msgspec.Struct, frozen=True):
    """A subscriber: ``token`` is the hash of its access token, ``owner`` its service account, ``ip`` where it always calls from."""

    name: str
    owner: str
    token: str
    ip: str
    api: str
    context: str
    resource: str


APPLICATIONS = (
    Application("mot-cua-dien-tu", "svc_motcua", "tk-3f9a1c77", "10.40.3.11", "CSDL-DanCu", "/dancu/1.0", "/congdan/{cccd}"),
    Application("ho-tich-dien-tu", "svc_hotich", "tk-a81b02de", "10.40.4.12", "CSDL-DanCu", "/dancu/1.0", "/congdan/{cccd}"),
    Application("dat-dai", "svc_datdai", "tk-5520cc19", "10.40.5.15", "CSDL-DatDai", "/datdai/2.1", "/thua-dat/{ma}"),
    Application("doanh-nghiep", "svc_dkkd", "tk-e07d4410", "10.40.6.14", "CSDL-DoanhNghiep", "/dkdn/1.0", "/doanh-nghiep/{mst}"),
    Application("bhxh-lien-thong", "svc_bhxh", "tk-77bd8e31", "10.40.7.18", "CSDL-BaoHiem", "/bhxh/1.2", "/the-bhyt/{so}"),
    Application(
        "bao-cao-dieu-hanh", "svc_ioc", "tk-1de2f6a4", "10.40.8.20", "DanhMucDungChung", "/danhmuc/1.0", "/danh-muc/{ten}"
    ),
)


def metric(
    rng: Random, at: Micros, app: Application, ip: str, status: int, size: int, records: int, attack: str = "", resource: str = ""
) -> Line:
    """One ``response`` event of the gateway's analytics."""
    body = {
        "apiName": app.api,
        "proxyResponseCode": status,
        "targetResponseCode": status,
        "apiMethod": "GET",
        "apiVersion": app.context.rsplit("/", 1)[1],
        "apiContext": app.context,
        "apiResourceTemplate": resource or app.resource,
        "gatewayType": "SYNAPSE",
        "applicationName": app.name,
        "applicationOwner": app.owner,
        "keyType": "PRODUCTION",
        "correlationId": f"{rng.getrandbits(64):016x}",
        "responseLatency": rng.randrange(12, 400),
        "backendLatency": rng.randrange(5, 300),
        "requestTimestamp": utc(at),
        "eventType": "response",
        "userAgent": "okhttp/4.12.0",
        "userIp": ip,
        "hostName": "lgsp-gw01",
        "properties": {
            "responseSize": size,
            "records": records,
            "consumerKey": app.token,
            "userName": f"{app.owner}@carbon.super",
        },
    }
    return Line(at, "file:lgsp-metrics", "lgsp-gw01", _json(body).decode(), attack)


def access(at: Micros, ip: str, request: str, status: int, size: int, attack: str = "") -> Line:
    """One line of the gateway's http_access log."""
    text = f'{ip} - - [{clf(at)}] "{request} HTTP/1.1" {status} {size} "-" "okhttp/4.12.0"'
    return Line(at, "file:lgsp-access", "lgsp-gw01", text, attack)


def calls(scene: Scene) -> Bursts:
    """Officers' systems ask the shared databases, one record a call."""
    rng = scene.rng
    for at in moments(rng, scene.day, 9_000 * scene.scale, OFFICE):
        app = rng.choice(APPLICATIONS)
        status = 200 if rng.random() < 0.97 else rng.choice((404, 500, 503))
        size = rng.randrange(600, 3_000) if status == 200 else 180
        lines = [metric(rng, at, app, app.ip, status, size, 1 if status == 200 else 0)]
        if rng.random() < 0.35:
            path = app.context + app.resource.split("{")[0] + str(rng.randrange(10**6))
            lines.append(access(at, app.ip, f"GET {path}", status, size))
        yield at, lines


def batches(scene: Scene) -> Bursts:
    """At night registers are compared page by page, from the usual addresses."""
    rng = scene.rng
    for start in moments(rng, scene.day, 20 * scene.scale, NIGHT):
        app, at, lines = rng.choice(APPLICATIONS), start, []
        for _ in range(rng.randrange(5, 30)):
            lines.append(metric(rng, at, app, app.ip, 200, rng.randrange(60_000, 120_000), 100, resource="/dong-bo"))
            at += rng.randrange(2, 9) * SECOND
        yield start, lines


def refusals(scene: Scene) -> Bursts:
    """Expired tokens: one 401, then the application renews its token."""
    rng = scene.rng
    for at in moments(rng, scene.day, 60 * scene.scale, FLAT):
        app = rng.choice(APPLICATIONS)
        yield at, [metric(rng, at, app, app.ip, 401, 210, 0), access(at + SECOND, app.ip, "POST /token", 200, 1_320)]


def probes(scene: Scene) -> Bursts:
    """The monitor asks the gateway every three minutes, and looks up one catalogue entry."""
    monitor = Application(
        "giam-sat", "svc_giamsat", "tk-0b0b0b0b", HOSTS["srv-giamsat01"], "DanhMucDungChung", "/danhmuc/1.0", "/phien-ban"
    )
    for at in every(scene.day, 3 * MINUTE, 17 * SECOND):
        yield (
            at,
            [access(at, monitor.ip, "GET /services/Version", 200, 120), metric(scene.rng, at, monitor, monitor.ip, 200, 310, 1)],
        )


STREAMS = (calls, batches, refusals, probes)
