"""Keycloak events in each of their forms."""

import json
from collections.abc import Callable

import pytest

from collector.parsers import keycloak
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
EVENT = json.dumps(
    {
        "time": 1795228200123,
        "type": "LOGIN_ERROR",
        "realmName": "tinh",
        "realmId": "0b1c",
        "clientId": "dvc",
        "userId": None,
        "ipAddress": "203.0.113.9",
        "error": "invalid_user_credentials",
        "details": {"username": "nguyễn.lan", "auth_method": "openid-connect", "ipAddress": "10.0.0.1"},
    }
)
LINE = 'type="LOGIN_ERROR", realmId="tinh", clientId="dvc", userId="null", ipAddress="203.0.113.9", username="nguyễn lan"'
CONSOLE = f"2026-11-21 09:30:00,123 WARN  [org.keycloak.events] (executor-thread-1) {LINE}"
LOGGED = json.dumps(
    {"timestamp": "2026-11-21T09:30:00.123+07:00", "loggerName": "org.keycloak.events", "message": LINE, "hostName": "sso-01"}
)
ADMIN = json.dumps(
    {
        "time": 1795228200123,
        "realmId": "tinh",
        "operationType": "CREATE",
        "resourceType": "USER",
        "resourcePath": "users/1",
        "authDetails": {"realmId": "master", "clientId": "admin-cli", "userId": "u1", "ipAddress": "10.0.0.1"},
    }
)
SAMPLES = (LINE, CONSOLE, EVENT, LOGGED, ADMIN)


def test_event() -> None:
    """A JSON event gives Keycloak's names, the address also as ``src_ip``, and its time; details never win over the event."""
    parsed = keycloak.parse(EVENT, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "type": "LOGIN_ERROR",
            "realm": "tinh",
            "clientId": "dvc",
            "username": "nguyễn.lan",
            "src_ip": "203.0.113.9",
            "ipAddress": "203.0.113.9",
            "error": "invalid_user_credentials",
            "auth_method": "openid-connect",
        }.items()
    )
    assert "userId" not in parsed.fields
    assert parsed.happened_at == 1_795_228_200_123_000
    assert parsed.logsource == LogSource(product="keycloak", service="events")


@pytest.mark.parametrize("text", [LINE, CONSOLE, LOGGED, LINE.replace('"', "").replace(" lan", ".lan")])
def test_log_lines(text: str) -> None:
    """The log line reads the same alone, after the console's prefix, in the JSON log, and without quotes."""
    fields = keycloak.parse(text, CONTEXT).fields
    assert (fields["type"], fields["realm"], fields["src_ip"]) == ("LOGIN_ERROR", "tinh", "203.0.113.9")
    assert fields["username"].startswith("nguyễn")
    assert "userId" not in fields


def test_times_and_hosts() -> None:
    """The console's time is local, the JSON log's has a zone and names the host."""
    assert keycloak.parse(CONSOLE, CONTEXT).happened_at == 1_795_228_200_123_000
    parsed = keycloak.parse(LOGGED, CONTEXT)
    assert (parsed.happened_at, parsed.host) == (1_795_228_200_123_000, "sso-01")


def test_admin_events() -> None:
    """An admin event gets a type of its own and says who did it from where."""
    fields = keycloak.parse(ADMIN, CONTEXT).fields
    assert (fields["type"], fields["src_ip"], fields["resourcePath"]) == ("ADMIN-CREATE", "10.0.0.1", "users/1")


@pytest.mark.parametrize("text", ["", "{}", '{"type": "x"}', "type=", "2026 [org.keycloak.events] x", "hello"])
def test_others_are_refused(text: str) -> None:
    """What is no event is refused."""
    with pytest.raises(ParseError):
        keycloak.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None], hostile_objects: Callable[..., None]) -> None:
    """Any text or object gives a result or ParseError, and soon."""
    hostile(keycloak.parse, SAMPLES)
    hostile_objects(keycloak, (EVENT, LOGGED, ADMIN))
