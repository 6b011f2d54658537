"""PostgreSQL's server log, with pgaudit's audit lines taken apart. Pure.

Read: stderr with ``log_line_prefix = '%m [%p] %q%u@%d %h '`` (host and all after ``%q`` may be missing), the same after a
syslog envelope, and ``log_destination = jsonlog``. Audit lines: pgaudit README, "Format" (comma-separated values).
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.json_lines import decode
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, Micros, ParseError

AUDIT: Final = LogSource(product="postgresql", categories=("database",), service="pgaudit")
SERVER: Final = LogSource(product="postgresql", categories=("database",), service="postgresql")
_LEVELS: Final = frozenset(
    ("LOG", "ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "INFO", "STATEMENT", "DETAIL", "HINT", "CONTEXT", "QUERY", "LOCATION")
) | {f"DEBUG{n}" for n in range(1, 6)}
_COLUMNS: Final = (
    "audit_type",
    "statement_id",
    "substatement_id",
    "class",
    "command",
    "object_type",
    "object_name",
    "statement",
    "parameter",
    "rows",
)
_NUMBERS: Final = frozenset(("statement_id", "substatement_id", "rows"))
_NOT_LOGGED: Final = frozenset(("", "<not logged>", "<none>", "<previously logged>"))
_JSON: Final = {
    "user": "user",
    "dbname": "database",
    "remote_host": "src_ip",
    "remote_port": "src_port",
    "pid": "pid",
    "error_severity": "level",
    "application_name": "application",
    "session_id": "session",
    "backend_type": "backend_type",
    "state_code": "state_code",
    "statement": "statement",
    "detail": "detail",
    "hint": "hint",
}


def shape(document: dict[str, Any]) -> bool:
    """An object of PostgreSQL's jsonlog."""
    return "error_severity" in document and "pid" in document


def from_document(document: dict[str, Any], context: Context) -> Parsed:
    """``{"timestamp": …, "user": …, "dbname": …, "remote_host": …, "error_severity": …, "message": …}``"""
    fields: dict[str, Any] = {}
    for old, new in _JSON.items():
        value = document.get(old)
        if isinstance(value, (str, int)) and value != "":
            fields[new] = value
    if fields.get("src_ip") == "[local]":
        del fields["src_ip"]
    message = document.get("message")
    text = message if isinstance(message, str) else ""
    stamp = document.get("timestamp")
    return _made(text, fields, _time(stamp, context) if isinstance(stamp, str) else None)


def parse(text: str, context: Context) -> Parsed:
    """One record; a statement may go on over several lines. ParseError when no severity is found."""
    told = text.strip("\r\n ")
    if told.startswith("{"):
        document = decode(told)
        if not shape(document):
            raise ParseError("a JSON object that is no PostgreSQL log record")
        return from_document(document, context)
    if told.startswith("["):
        # Syslog: "[5-1] " numbers the message and its parts.
        number, found, rest = told.partition("] ")
        if found and number[1:].replace("-", "").isdecimal():
            told = rest
    head, found, message = told.partition(":  ")
    level = head.rpartition(" ")[2]
    if not found or len(head) > 1024 or level not in _LEVELS:
        raise ParseError("not a PostgreSQL record: no severity such as 'LOG:  ' after its prefix")
    fields: dict[str, Any] = {"level": level}
    at = _prefix(head[: -len(level)].rstrip(), fields, context)
    return _made(message, fields, at)


def _prefix(head: str, fields: dict[str, Any], context: Context) -> Micros | None:
    """``2026-11-21 09:30:00.123 +07 [4242] dvc@hoso 10.10.2.15``; the time is missing after a syslog envelope."""
    stamp, found, rest = head.partition(" [")
    if found:
        pid, _, rest = rest.partition("]")
        if pid.isdecimal() and len(pid) < 12:
            fields["pid"] = int(pid)
    elif head[:4].isdecimal():
        stamp, rest = head, ""
    else:
        stamp, rest = "", head
    words = rest.split()
    for place, word in enumerate(words):
        user, at_sign, database = word.rpartition("@")
        if at_sign and place == 0:
            _put(fields, "user", user)
            _put(fields, "database", database)
        elif place == 1 and not word.startswith("["):
            address, _, port = word.partition("(")
            fields["src_ip"] = address
            if port[:-1].isdecimal() and len(port) < 8:
                fields["src_port"] = int(port[:-1])
    return _time(stamp, context) if stamp else None


def _put(fields: dict[str, Any], name: str, value: str) -> None:
    if value and value != "[unknown]":
        fields[name] = value


def _time(stamp: str, context: Context) -> Micros | None:
    """``2026-11-21 09:30:00.123 +07``; a zone by letters (``ICT``) is the configured one."""
    words = stamp.split()
    try:
        if len(words) == 3 and words[2][:1] in "+-":
            return times.rfc3339(f"{words[0]} {words[1]}{words[2]}", context.zone)
        if len(words) >= 2:
            zone = "UTC" if len(words) > 2 and words[2] in ("UTC", "GMT") else context.zone
            return times.rfc3339(f"{words[0]} {words[1]}", zone)
    except ParseError:
        return None
    return None


def _made(message: str, fields: dict[str, Any], at: Micros | None) -> Parsed:
    fields["message"] = message
    if message.startswith("AUDIT: "):
        _audit(message[7:], fields)
        return Parsed(fields=present(fields), happened_at=at, logsource=AUDIT, format="pgaudit")
    _server(message, fields)
    return Parsed(fields=present(fields), happened_at=at, logsource=SERVER, format="pgaudit")


def _audit(line: str, fields: dict[str, Any]) -> None:
    for name, value in zip(_COLUMNS, _values(line), strict=False):
        if name in _NUMBERS:
            if value.isdecimal() and len(value) < 19:
                fields[name] = int(value)
        elif value not in _NOT_LOGGED:
            fields[name] = value


def _values(line: str) -> list[str]:
    """Comma-separated values, quoted ones with doubled quotes; as many as there are columns."""
    found: list[str] = []
    start = 0
    while start <= len(line) and len(found) < len(_COLUMNS):
        if line.startswith('"', start):
            end = line.find('"', start + 1)
            while end >= 0 and line.startswith('"', end + 1):
                end = line.find('"', end + 2)
            if end < 0:
                end = len(line)
            found.append(line[start + 1 : end].replace('""', '"'))
            start = end + 2
        else:
            end = line.find(",", start)
            if end < 0:
                end = len(line)
            found.append(line[start:end])
            start = end + 1
    return found


def _server(message: str, fields: dict[str, Any]) -> None:
    """What ordinary lines say: who failed to log in, who came and went, which statement ran."""
    if " authentication failed for user " in message[:128]:
        fields["action"] = "auth_failed"
        fields["user"] = message.partition(" for user ")[2].strip('"')
        fields["method"] = message.partition(" authentication failed")[0]
    elif message.startswith("no pg_hba.conf entry for host "):
        fields["action"] = "auth_failed"
        fields["src_ip"] = message[30:].partition(",")[0].strip('"')
    elif message.startswith("permission denied for "):
        fields["action"] = "denied"
        fields["object_name"] = message[22:].partition(" ")[2]
    elif message.startswith("connection authorized: "):
        fields["action"] = "connected"
        _pairs(message[23:], fields)
    elif message.startswith("disconnection: "):
        fields["action"] = "disconnected"
        _pairs(message[15:], fields)
    elif message.startswith("statement: "):
        fields["statement"] = message[11:]
    elif message.startswith("duration: "):
        duration, found, statement = message[10:].partition(" ms  statement: ")
        if found:
            fields["statement"] = statement
            fields["duration_ms"] = duration


def _pairs(told: str, fields: dict[str, Any]) -> None:
    for word in told[:2048].split():
        key, equals, value = word.partition("=")
        if equals and value and key in ("user", "database"):
            fields.setdefault(key, value)
        elif equals and key == "host" and value and value != "[local]":
            fields.setdefault("src_ip", value)
