"""Keycloak's login and admin events: as JSON (event listener, store export) and as the log line of ``jboss-logging``. Pure.

The log line is ``type="LOGIN_ERROR", realmId="…", clientId="…", userId="…", ipAddress="…", error="…", …``, alone, after
Keycloak's console prefix (time, level, logger, thread), or inside its JSON log as ``message``.
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.json_lines import decode
from collector.parsers.keyvalue import pairs
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, Micros, ParseError

SOURCE: Final = LogSource(product="keycloak", service="events")
_STARTS: Final = ("type=", "operationType=")
_LOGGER: Final = "org.keycloak.events"
_NOTHING: Final = frozenset(("", "null"))
_LIMIT: Final = 200


def shape(document: dict[str, Any]) -> bool:
    """A login event, an admin event, or a line of Keycloak's JSON log that carries one."""
    if "type" in document and ("realmId" in document or "realmName" in document):
        return "clientId" in document or "ipAddress" in document or "userId" in document
    if "operationType" in document:
        return "authDetails" in document or "resourcePath" in document
    return document.get("loggerName") == _LOGGER and isinstance(document.get("message"), str)


def from_document(document: dict[str, Any], context: Context) -> Parsed:
    """``{"time": ms, "type": …, "realmName": …, "ipAddress": …, "error": …, "details": {…}}`` and the other two."""
    if document.get("loggerName") == _LOGGER:
        at = times.first(document, ("timestamp",), context.zone)
        host = document.get("hostName")
        return _line(str(document["message"]), at, host if isinstance(host, str) else "")
    fields: dict[str, Any] = {}
    for part in ("details", "authDetails"):
        inner = document.get(part)
        if isinstance(inner, dict):
            _plain(inner, fields)
    # The event's own names win over names a client may have put into its details.
    _plain({name: value for name, value in document.items() if name not in ("details", "authDetails")}, fields)
    at = times.first(document, ("time", "timestamp", "@timestamp"), context.zone)
    fields.pop("time", None)
    return _made(fields, at, "")


def parse(text: str, context: Context) -> Parsed:
    """One event as JSON or as a log line. ParseError when neither is found."""
    told = text.strip()
    if told.startswith("{"):
        document = decode(told)
        if not shape(document):
            raise ParseError("a JSON object that is no Keycloak event")
        return from_document(document, context)
    if told.startswith(_STARTS):
        return _line(told, None, "")
    head, found, line = told.partition(f"[{_LOGGER}] ")
    if not found or len(head) > 64:
        raise ParseError("not a Keycloak event: no 'type=' at its start and no logger org.keycloak.events")
    if line.startswith("("):
        line = line.partition(") ")[2]
    words = head.split()
    at = None
    if len(words) > 1:
        at = times.rfc3339(f"{words[0]} {words[1]}".replace(",", "."), context.zone)
    return _line(line, at, "")


def _line(line: str, at: Micros | None, host: str) -> Parsed:
    if not line.startswith(_STARTS):
        raise ParseError("not a Keycloak event: it does not begin with 'type=' or 'operationType='")
    found, _ = pairs(line[: 256 * 1024])
    fields: dict[str, Any] = {name: value for name, value in found.items() if value not in _NOTHING}
    parsed = _made(fields, at, host)
    parsed.fields["message"] = line
    return parsed


def _made(fields: dict[str, Any], at: Micros | None, host: str) -> Parsed:
    operation = fields.get("operationType")
    if operation and "type" not in fields:
        fields["type"] = f"ADMIN-{operation}"
        if "realmId" in fields and "authRealm" not in fields:
            fields["authRealm"] = fields["realmId"]
    if not isinstance(fields.get("type"), str):
        raise ParseError("a Keycloak event without a type")
    realm = fields.get("realmName") or fields.get("realmId")
    if realm:
        fields["realm"] = realm
    address = fields.get("ipAddress")
    if address:
        fields["src_ip"] = address
    fields.setdefault("message", _sentence(fields))
    return Parsed(fields=present(fields), happened_at=at, host=host, logsource=SOURCE, format="keycloak")


def _sentence(fields: dict[str, Any]) -> str:
    words = [str(fields["type"])]
    for name in ("error", "username", "realm", "clientId", "ipAddress", "resourcePath"):
        if name in fields:
            words.append(f"{name}={str(fields[name])[:200]}")
    return " ".join(words)


def _plain(part: dict[str, Any], fields: dict[str, Any]) -> None:
    """Plain values of ``part`` under their own names; deeper objects and lists of them are kept as text."""
    for name, value in part.items():
        if len(fields) >= _LIMIT:
            return
        if value is None or value == "":
            continue
        if isinstance(value, list):
            value = [item if isinstance(item, (str, int, float)) else str(item)[:1024] for item in value[:100]]
        elif isinstance(value, dict):
            value = str(value)[:4096]
        fields[name] = value
