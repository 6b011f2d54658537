"""OpenVPN server messages, from syslog or from its own file (with a time before them). Pure.

A client is named ``user/203.0.113.9:51820`` once it is known, ``203.0.113.9:51820`` before.
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, Micros, ParseError
from model.moment import SECOND

SOURCE: Final = LogSource(product="openvpn", service="openvpn")
_HEAD: Final = 512
_ACTIONS: Final = (
    ("Auth Username/Password verification failed", "auth_failed"),
    ("AUTH_FAILED", "auth_failed"),
    ("TLS Auth Error", "auth_failed"),
    ("VERIFY ERROR", "verify_error"),
    ("VERIFY KU ERROR", "verify_error"),
    ("CRL: certificate", "verify_error"),
    ("TLS Error", "tls_error"),
    ("TLS_ERROR", "tls_error"),
    ("Authenticate/Decrypt packet error", "tls_error"),
    ("tls-crypt unwrap error", "tls_error"),
    ("Peer Connection Initiated with", "connected"),
    ("MULTI: Learn: ", "address_assigned"),
    ("MULTI_sva: pool returned", "address_assigned"),
    ("client-instance exiting", "disconnected"),
    ("client-instance restarting", "disconnected"),
    ("Inactivity timeout", "disconnected"),
)


def parse(text: str, context: Context) -> Parsed:
    """One message of an OpenVPN server."""
    message = text.strip()
    if not message:
        raise ParseError("an empty OpenVPN message")
    at, told = _stamped(message, context)
    fields: dict[str, Any] = {"message": told}
    peer, found, rest = told.partition(" ")
    if found and _client(peer, fields):
        told = rest
    for words, action in _ACTIONS:
        if words in told[:_HEAD]:
            fields["action"] = action
            _more(action, told, fields)
            break
    return Parsed(fields=present(fields), happened_at=at, logsource=SOURCE, format="openvpn")


def _stamped(message: str, context: Context) -> tuple[Micros | None, str]:
    """Take a time off: ``2026-11-21 09:30:00 …`` or ``Sat Nov 21 09:30:00 2026 …``, with ``us=123456`` in verbose logs."""
    at: Micros | None = None
    try:
        if message[4:5] == "-" and message[19:20] == " ":
            at, message = times.rfc3339(message[:19], context.zone), message[20:]
        elif message[3:4] == " " and message[24:25] == " " and message[20:24].isdecimal():
            at = times.moment(f"{message[4:10]} {message[20:24]} {message[11:19]}", context.zone)
            message = message[25:]
    except ParseError:
        return None, message
    if at is not None and message.startswith("us="):
        part, _, rest = message[3:].partition(" ")
        if part.isdecimal() and len(part) <= 6:
            return at // SECOND * SECOND + int(part), rest
    return at, message


def _client(word: str, fields: dict[str, Any]) -> bool:
    """``lan/203.0.113.9:51820``, ``203.0.113.9:51820``, ``lan/tcp4-server:[AF_INET6]2001:db8::7:51820``"""
    user, slash, where = word.rpartition("/")
    address, colon, port = where.rpartition(":")
    if not colon or not (port.isdecimal() and len(port) <= 5) or ("." not in address and ":" not in address):
        return False
    fields["src_ip"] = address.rpartition("]")[2]
    fields["src_port"] = int(port)
    if slash and user:
        fields["username"] = user
    return True


def _more(action: str, told: str, fields: dict[str, Any]) -> None:
    if action == "connected" and told.startswith("["):
        name = told[1:].partition("]")[0]
        if name:
            fields["username"] = name
        if "src_ip" not in fields:
            _client(told.rpartition("]")[2], fields)
    elif action == "address_assigned":
        if told.startswith("MULTI: Learn: "):
            assigned, _, peer = told[14:].partition(" -> ")
            fields["assigned_ip"] = assigned
            if "src_ip" not in fields:
                _client(peer, fields)
        else:
            fields["assigned_ip"] = told.partition("IPv4=")[2].partition(",")[0]
    elif action in ("tls_error", "verify_error", "auth_failed"):
        reason = told.partition(": ")[2]
        if reason:
            fields["reason"] = reason[:512]
        if action == "auth_failed" and "username '" in told:
            fields.setdefault("username", told.partition("username '")[2].partition("'")[0])
