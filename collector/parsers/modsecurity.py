"""ModSecurity's audit log as JSON, one object a line: version 3 (libmodsecurity), version 2 (``SecAuditLogFormat JSON``). Pure.

Bodies of requests and responses are not kept as fields (personal data, megabytes); ``original`` has what was received.
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.access import request
from collector.parsers.json_lines import decode
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, Micros, ParseError

Document = dict[str, Any]

SOURCE: Final = LogSource(product="modsecurity", categories=("waf",), service="audit")
_SEVERITIES: Final = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
_RULES: Final = 200
_TEXT: Final = 4096
_HEADERS: Final = {"host": "cs-host", "user-agent": "cs-user-agent", "referer": "cs-referer", "content-type": "cs-content-type"}


def shape(document: Document) -> bool:
    """An audit entry of either version."""
    transaction = document.get("transaction")
    if not isinstance(transaction, dict):
        return False
    return "client_ip" in transaction or ("remote_address" in transaction and "audit_data" in document)


def from_document(document: Document, context: Context) -> Parsed:
    """One audit entry. ParseError when it has no transaction."""
    transaction = document.get("transaction")
    if not isinstance(transaction, dict):
        raise ParseError("not a ModSecurity audit entry: no transaction")
    if "client_ip" in transaction:
        return _version_3(transaction, context)
    return _version_2(document, transaction, context)


def parse(text: str, context: Context) -> Parsed:
    """One object as text."""
    document = decode(text.strip())
    if not shape(document):
        raise ParseError("a JSON object that is no ModSecurity audit entry")
    return from_document(document, context)


def _version_3(transaction: Document, context: Context) -> Parsed:
    fields: Document = {}
    for old, new in (("client_ip", "c-ip"), ("client_port", "c-port"), ("host_ip", "s-ip"), ("host_port", "s-port")):
        _put(fields, new, transaction.get(old))
    _put(fields, "unique_id", transaction.get("unique_id"))
    asked = _object(transaction, "request")
    uri = asked.get("uri")
    if isinstance(uri, str) and uri:
        version = asked.get("http_version")
        request(f"{asked.get('method') or 'GET'} {uri} HTTP/{version or '1.1'}", fields)
    _headers(_object(asked, "headers"), fields)
    code = _object(transaction, "response").get("http_code")
    _number(fields, "sc-status", code)
    rules = _Rules()
    messages = transaction.get("messages")
    for item in messages[:_RULES] if isinstance(messages, list) else ():
        if isinstance(item, dict):
            details = _object(item, "details")
            rules.add(
                details.get("ruleId"), item.get("message"), details.get("severity"), details.get("match"), details.get("tags")
            )
    intercepted = bool(transaction.get("is_interrupted")) or fields.get("sc-status") in (403, 406)
    return _made(fields, rules, intercepted, _time(transaction.get("time_stamp"), context), context)


def _version_2(document: Document, transaction: Document, context: Context) -> Parsed:
    fields: Document = {}
    for old, new in (
        ("remote_address", "c-ip"),
        ("remote_port", "c-port"),
        ("local_address", "s-ip"),
        ("local_port", "s-port"),
        ("transaction_id", "unique_id"),
    ):
        _put(fields, new, transaction.get(old))
    asked = _object(document, "request")
    line = asked.get("request_line")
    if isinstance(line, str):
        request(line, fields)
    _headers(_object(asked, "headers"), fields)
    _number(fields, "sc-status", _object(document, "response").get("status"))
    audit = _object(document, "audit_data")
    rules = _Rules()
    messages = audit.get("messages")
    for item in messages[:_RULES] if isinstance(messages, list) else ():
        if isinstance(item, str):
            tags = [part.partition('"')[0] for part in item[:65536].split('[tag "')[1:]]
            found = [_bracket(item, name) for name in ("id", "msg", "severity")]
            rules.add(found[0], found[1] or item[:_TEXT], found[2], item.partition(" [file ")[0][:_TEXT], tags)
    intercepted = bool(_object(audit, "action").get("intercepted"))
    stamp = transaction.get("time")
    at = None
    if isinstance(stamp, str):
        try:
            # "21/Nov/2026:09:30:00.123456 +0700"; the common log format has no fraction.
            head, _, zone = stamp.partition(" ")
            at = times.clf(f"{head.partition('.')[0]} {zone}")
        except ParseError:
            at = None
    return _made(fields, rules, intercepted, at, context)


class _Rules:
    """Lists with one entry a rule that matched."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.messages: list[str] = []
        self.severities: list[str] = []
        self.matches: list[str] = []
        self.tags: list[str] = []

    def add(self, number: Any, message: Any, severity: Any, match: Any, tags: Any) -> None:
        if number not in (None, ""):
            self.ids.append(str(number)[:64])
        if message not in (None, ""):
            self.messages.append(str(message)[:_TEXT])
        if severity not in (None, ""):
            word = str(severity)[:16]
            self.severities.append(_SEVERITIES[int(word)] if word in "01234567" and len(word) == 1 else word.upper())
        if isinstance(match, str) and match:
            self.matches.append(match[:_TEXT])
        for tag in tags[:64] if isinstance(tags, list) else ():
            if isinstance(tag, str) and tag[:256] not in self.tags:
                self.tags.append(tag[:256])


def _made(fields: Document, rules: _Rules, intercepted: bool, at: Micros | None, context: Context) -> Parsed:
    for name, values in (
        ("rule_id", rules.ids),
        ("message", rules.messages),
        ("severity", rules.severities),
        ("match", rules.matches),
        ("tag", rules.tags),
    ):
        if values:
            fields[name] = values
    fields["action"] = "blocked" if intercepted else ("detected" if rules.ids or rules.messages else "allowed")
    if "c-ip" in fields:
        fields["src_ip"] = fields["c-ip"]
    return Parsed(fields=present(fields), happened_at=at, logsource=SOURCE, format="modsecurity")


def _time(stamp: Any, context: Context) -> Micros | None:
    """``Sat Nov 21 09:30:00 2026``, local time of the server."""
    words = stamp.split() if isinstance(stamp, str) and len(stamp) < 64 else []
    if len(words) != 5:
        return None
    try:
        return times.moment(f"{words[1]} {words[2]} {words[4]} {words[3]}", context.zone)
    except ParseError:
        return None


def _bracket(text: str, name: str) -> str:
    """The value of ``[name "…"]``; the quote is closed by ``"]``."""
    return text.partition(f'[{name} "')[2].partition('"]')[0][:_TEXT]


def _object(part: Document, name: str) -> Document:
    value = part.get(name)
    return value if isinstance(value, dict) else {}


def _put(fields: Document, name: str, value: Any) -> None:
    if isinstance(value, (str, int)) and value != "":
        fields[name] = value


def _number(fields: Document, name: str, value: Any) -> None:
    if isinstance(value, int):
        fields[name] = value
    elif isinstance(value, str) and value.isdecimal() and len(value) < 6:
        fields[name] = int(value)


def _headers(headers: Document, fields: Document) -> None:
    for name, value in headers.items():
        known = _HEADERS.get(name.lower())
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, str)), "")
        if known and isinstance(value, str) and value:
            fields[known] = value
        elif name.lower() == "x-forwarded-for" and isinstance(value, str) and value:
            fields["x-forwarded-for"] = value
