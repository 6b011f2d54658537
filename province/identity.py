# ruff: noqa: E501 - templates are as long as the real lines
"""Row 13, single sign-on: Keycloak's events in its JSON log, and slapd behind it."""

from random import Random

import msgspec

from model import Micros
from model.moment import MINUTE, SECOND
from province import people
from province.line import Bursts, Line, Scene
from province.places import HOSTS
from province.rhythm import FLAT, MORNING, OFFICE, every, iso, moments, syslog

BASE = "dc=sonha,dc=example"
_json = msgspec.json.encode


def event(rng: Random, at: Micros, kind: str, user: str, ip: str, client: str, error: str = "", attack: str = "") -> Line:
    """One Keycloak event as its console writes it with ``--log-console-output=json``."""
    unknown = error == "user_not_found"
    ident = "null" if unknown else f"{hash_of(user):08x}-5b1f-4d2c-8a77-0c9e51aa{hash_of(user) & 0xFFFF:04x}"
    parts = [
        f'type="{kind}", realmId="7f0c9a52-0f5e-4c6e-9a9e-2f6f7a1d0b11", realmName="sonha", clientId="{client}", userId="{ident}"',
        f'ipAddress="{ip}"',
        f'error="{error}"' if error else f'sessionId="{rng.getrandbits(64):016x}"',
        f'auth_method="openid-connect", redirect_uri="https://{client}.sonha.example/dang-nhap", username="{user}"',
    ]
    body = {
        "timestamp": iso(at),
        "sequence": rng.randrange(10**7),
        "loggerClassName": "org.jboss.logging.Logger",
        "loggerName": "org.keycloak.events",
        "level": "WARN" if error else "DEBUG",
        "message": ", ".join(parts),
        "threadName": f"executor-thread-{rng.randrange(1, 200)}",
        "threadId": rng.randrange(30, 900),
        "mdc": {},
        "ndc": "",
        "hostName": "sso01",
        "processName": "/usr/lib/jvm/java-21/bin/java",
        "processId": 1,
    }
    return Line(at, "http", "sso01", _json(body).decode(), attack)


def hash_of(text: str) -> int:
    """A small stable number of ``text`` (Python's own hash differs from run to run)."""
    value = 5381
    for char in text:
        value = (value * 33 + ord(char)) & 0xFFFFFFFF
    return value


def citizen_login(rng: Random, at: Micros, who: people.Citizen) -> list[Line]:
    """A citizen logs in to the portal; one in twelve mistypes the password first."""
    lines = []
    if rng.random() < 0.08:
        lines.append(event(rng, at, "LOGIN_ERROR", who.cccd, who.ip, "dichvucong", "invalid_user_credentials"))
        at += rng.randrange(4, 8) * SECOND
    lines.append(event(rng, at, "LOGIN", who.cccd, who.ip, "dichvucong"))
    lines.append(event(rng, at + 300_000, "CODE_TO_TOKEN", who.cccd, who.ip, "dichvucong"))
    return lines


def officer_login(rng: Random, at: Micros, who: people.Officer) -> list[Line]:
    """A civil servant logs in to the document system; Keycloak asks the directory."""
    lines = []
    if rng.random() < 0.06:
        lines.append(event(rng, at, "LOGIN_ERROR", who.account, who.ip, "qlvb", "invalid_user_credentials"))
        lines += bind(rng, at, who.account, 49)
        at += rng.randrange(5, 20) * SECOND
    lines.append(event(rng, at, "LOGIN", who.account, who.ip, "qlvb"))
    lines.append(event(rng, at + 250_000, "CODE_TO_TOKEN", who.account, who.ip, "qlvb"))
    return lines + bind(rng, at, who.account, 0)


def _slapd(at: Micros, text: str, attack: str = "") -> Line:
    return Line(at, "syslog", "ldap01", syslog(167, at, "ldap01", "slapd[781]", text), attack)


def bind(rng: Random, at: Micros, account: str, err: int, peer: str = HOSTS["sso01"]) -> list[Line]:
    """A connection to slapd that looks an account up and binds as it (log level stats)."""
    conn, dn = rng.randrange(1000, 900_000), f"uid={account},ou=canbo,{BASE}"
    texts: tuple[str, ...] = (
        f"conn={conn} fd={rng.randrange(12, 60)} ACCEPT from IP={peer}:{rng.randrange(32768, 60999)} (IP=0.0.0.0:636)",
        f'conn={conn} op=0 BIND dn="{dn}" method=128',
        f"conn={conn} op=0 RESULT tag=97 err={err} qtime=0.000011 etime=0.000214 text=",
        f"conn={conn} op=1 UNBIND",
        f"conn={conn} fd=18 closed",
    )
    if err:
        texts = (*texts[:3], texts[4])
    return [_slapd(at + 2_000 * n, text) for n, text in enumerate(texts)]


def search(rng: Random, at: Micros, account: str) -> list[Line]:
    """One look-up of a person, as the address book makes it."""
    conn = rng.randrange(1000, 900_000)
    return [
        _slapd(
            at,
            f'conn={conn} op=3 SRCH base="ou=canbo,{BASE}" scope=1 deref=0 filter="(&(objectClass=inetOrgPerson)(uid={account}))"',
        ),
        _slapd(at + 1_500, f"conn={conn} op=3 SEARCH RESULT tag=101 err=0 qtime=0.000009 etime=0.000310 nentries=1 text="),
    ]


def mornings(scene: Scene) -> Bursts:
    """Every officer comes to work and logs in."""
    officers = scene.town.officers
    for at in moments(scene.rng, scene.day, 600 * scene.scale, MORNING):
        yield at, officer_login(scene.rng, at, scene.rng.choice(officers))


def lookups(scene: Scene) -> Bursts:
    """Address books and services ask the directory."""
    for at in moments(scene.rng, scene.day, 1_500 * scene.scale, OFFICE):
        yield at, search(scene.rng, at, scene.rng.choice(scene.town.officers).account)


def refreshes(scene: Scene) -> Bursts:
    """Open sessions renew their tokens."""
    for at in moments(scene.rng, scene.day, 1_600 * scene.scale, OFFICE):
        who = scene.rng.choice(scene.town.officers)
        yield at, [event(scene.rng, at, "REFRESH_TOKEN", who.account, who.ip, "qlvb")]


def guesses(scene: Scene) -> Bursts:
    """Strangers try one account name and go."""
    for at in moments(scene.rng, scene.day, 40 * scene.scale, FLAT):
        user = scene.rng.choice(("admin", "test", "root", "quantri", "administrator"))
        yield at, [event(scene.rng, at, "LOGIN_ERROR", user, people.stranger(scene.rng), "dichvucong", "user_not_found")]


def heartbeats(scene: Scene) -> Bursts:
    """The monitor logs in as a client every ten minutes and asks the directory for its root."""
    for at in every(scene.day, 10 * MINUTE, 7 * SECOND):
        ip = HOSTS["srv-giamsat01"]
        lines = [event(scene.rng, at, "CLIENT_LOGIN", "service-account-giamsat", ip, "giamsat")]
        yield at, lines + search(scene.rng, at + SECOND, "giamsat")


STREAMS = (mornings, lookups, refreshes, guesses, heartbeats)
