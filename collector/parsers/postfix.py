"""Postfix's messages (postfix(1) daemons smtpd, qmgr, smtp, cleanup, …), after the syslog envelope. Pure.

``Context.program`` (``postfix/smtpd``, ``postfix/submission/smtpd``) says which daemon wrote. Names and greetings of strangers
are theirs to choose: an address is only read where Postfix itself writes ``host[address]``.
"""

from typing import Any, Final

from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

SOURCE: Final = LogSource(product="linux", service="postfix")
_ID_LETTERS: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_PAIRS: Final = {
    "from": "sender",
    "to": "recipient",
    "orig_to": "original_recipient",
    "size": "size",
    "nrcpt": "nrcpt",
    "relay": "relay",
    "delay": "delay",
    "dsn": "dsn",
    "status": "status",
    "message-id": "message_id",
    "sasl_method": "sasl_method",
    "sasl_username": "username",
    "sasl_sender": "sasl_sender",
    "proto": "proto",
    "helo": "helo",
    "client": "client",
    "uid": "uid",
}
_NUMBERS: Final = frozenset(("size", "nrcpt", "uid"))
_MAX: Final = 64 * 1024


def parse(text: str, context: Context) -> Parsed:
    """One message of a Postfix daemon."""
    message = text.strip()
    if not message:
        raise ParseError("an empty postfix message")
    fields: dict[str, Any] = {"message": message}
    program = context.program.partition("[")[0]
    process = program.partition("/")[2] if program.startswith("postfix") else program
    if process:
        fields["process"] = process
    told = message[:_MAX]
    head, found, rest = told.partition(": ")
    if found and _is_queue_id(head):
        if head != "NOQUEUE":
            fields["queue_id"] = head
        told = rest
    _understand(told, fields)
    return Parsed(fields=present(fields), logsource=SOURCE, format="postfix")


def _is_queue_id(head: str) -> bool:
    """Short (hexadecimal, from 5 digits) or long (base 52) queue id, or NOQUEUE."""
    return head == "NOQUEUE" or (5 <= len(head) <= 20 and _ID_LETTERS.issuperset(head) and any(c.isdigit() for c in head))


def _understand(told: str, fields: dict[str, Any]) -> None:
    for start, step in _STEPS:
        if told.startswith(start):
            step(told[len(start) :], fields)
            return
    if "queue_id" in fields:
        _of_a_message(told, fields)


def _connected(rest: str, fields: dict[str, Any]) -> None:
    fields["action"] = "connected"
    _peer(rest, fields)


def _disconnected(rest: str, fields: dict[str, Any]) -> None:
    """``mx.example[192.0.2.7] ehlo=1 auth=0/1 commands=1/2``"""
    fields["action"] = "disconnected"
    where, _, counts = rest.partition(" ")
    _peer(where, fields)
    for part in counts.split():
        key, equals, value = part.partition("=")
        if equals and key == "auth":
            fields["auth_commands"] = value


def _lost(rest: str, fields: dict[str, Any]) -> None:
    """``lost connection after AUTH from unknown[192.0.2.7]``"""
    fields["action"] = "lost_connection"
    stage, found, where = rest.rpartition(" from ")
    if found:
        fields["reason"] = stage
        _peer(where, fields)


def _warning(rest: str, fields: dict[str, Any]) -> None:
    """``unknown[192.0.2.7]: SASL LOGIN authentication failed: reason, sasl_username=lan``"""
    fields["action"] = "warning"
    where, found, why = rest.partition("]: SASL ")
    if found and _peer(where + "]", fields):
        method, found, reason = why.partition(" authentication failed: ")
        if found:
            fields["action"] = "auth_failed"
            fields["sasl_method"] = method
            reason, found, user = reason.partition(", sasl_username=")
            fields["reason"] = reason
            if found and user and user != "(unavailable)":
                fields["username"] = user
            return
    fields["reason"] = rest[:1024]
    if rest.startswith("hostname ") and " to address " in rest:
        fields["src_ip"] = rest.rpartition(" to address ")[2].partition(" ")[0].rstrip(":")


def _reject(rest: str, fields: dict[str, Any]) -> None:
    """``RCPT from mx[192.0.2.7]: 554 5.7.1 <a@b>: Relay access denied; from=<x> to=<y> proto=ESMTP helo=<z>``"""
    fields["action"] = "reject"
    stage, _, where = rest.partition(" from ")
    fields["stage"] = stage
    peer, found, why = where.partition("]: ")
    if not found:
        return
    _peer(peer + "]", fields)
    # What follows the last "; from=" is Postfix's; the reason before it may quote the stranger.
    reason, found, pairs = why.rpartition("; from=")
    if not found:
        reason, pairs = why, ""
    words = reason.split(" ", 2)
    if words[0].isdecimal() and len(words[0]) == 3:
        fields["smtp_code"] = int(words[0])
        if len(words) > 2 and words[1].count(".") == 2:
            fields["dsn"] = words[1]
            reason = words[2]
    fields["reason"] = reason
    if pairs:
        _pairs("from=" + pairs, " ", fields)


def _of_a_message(told: str, fields: dict[str, Any]) -> None:
    """Lines with a queue id: ``client=…``, ``message-id=…``, ``from=…``, ``to=…``, ``removed``."""
    if told.startswith("client="):
        fields["action"] = "accepted"
        _pairs(told, ", ", fields)
        client = fields.pop("client", "")
        _peer(client, fields)
    elif told.startswith("from="):
        fields["action"] = "queued"
        told, found, note = told.rpartition(" (")
        _pairs(told if found else note, ", ", fields)
    elif told.startswith("to="):
        fields["action"] = "delivery"
        pairs, found, reason = told.partition(", status=")
        _pairs(pairs, ", ", fields)
        if found:
            fields["status"], _, why = reason.partition(" (")
            fields["reason"] = why.removesuffix(")")
        relay = fields.get("relay", "")
        _, found, address = relay.partition("[")
        if found:
            fields["dst_ip"] = address.partition("]")[0]
    elif told.startswith("message-id="):
        _pairs(told, ", ", fields)
    elif told == "removed":
        fields["action"] = "removed"


def _tls(rest: str, fields: dict[str, Any]) -> None:
    """``mx.example[192.0.2.7]: TLSv1.3 with cipher …``"""
    fields["action"] = "tls"
    where, _, how = rest.partition(": ")
    _peer(where, fields)
    fields["tls"] = how


def _pairs(told: str, between: str, fields: dict[str, Any]) -> None:
    for part in told.split(between):
        key, equals, value = part.partition("=")
        name = _PAIRS.get(key)
        if not equals or name is None or name in fields:
            continue
        value = value.removeprefix("<").removesuffix(">")
        if not value:
            continue
        if name in _NUMBERS and value.isdecimal() and len(value) < 16:
            fields[name] = int(value)
        elif name == "delay":
            _seconds(value, fields)
        else:
            fields[name] = value


def _seconds(value: str, fields: dict[str, Any]) -> None:
    try:
        fields["delay"] = float(value[:20])
    except ValueError:
        return


def _peer(where: str, fields: dict[str, Any]) -> bool:
    """``host.example[192.0.2.7]:2525`` → src_host, src_ip, src_port; True when it is that."""
    host, found, rest = where.partition("[")
    address, closed, port = rest.partition("]")
    if not (found and closed and address) or " " in host:
        return False
    if host and host != "unknown":
        fields["src_host"] = host
    fields["src_ip"] = address
    port = port.removeprefix(":").partition(" ")[0]
    if port.isdecimal() and len(port) <= 5:
        fields["src_port"] = int(port)
    return True


_STEPS: Final = (
    ("connect from ", _connected),
    ("disconnect from ", _disconnected),
    ("lost connection after ", _lost),
    ("timeout after ", _lost),
    ("warning: ", _warning),
    ("reject: ", _reject),
    ("reject_warning: ", _reject),
    ("Anonymous TLS connection established from ", _tls),
    ("Untrusted TLS connection established from ", _tls),
    ("Trusted TLS connection established from ", _tls),
)
