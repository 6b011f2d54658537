"""Dovecot's login and authentication messages, after the syslog envelope. Pure.

Form: ``imap-login: Login: user=<lan>, method=PLAIN, rip=192.0.2.7, lip=…, TLS, session=<…>``, ``imap(lan)<pid><session>: …``,
``auth: passwd-file(lan,192.0.2.7,<session>): unknown user``. Dovecot cleans control characters from names; ``>`` may remain.
"""

from typing import Any, Final

from collector.parsers import pam
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

SOURCE: Final = LogSource(product="linux", service="dovecot")
_PAIRS: Final = {
    "user": "username",
    "method": "method",
    "rip": "src_ip",
    "lip": "dst_ip",
    "rport": "src_port",
    "lport": "dst_port",
    "mpid": "pid",
    "session": "session",
}
_NUMBERS: Final = frozenset(("src_port", "dst_port", "pid"))
_LEVELS: Final = ("Info: ", "Warning: ", "Error: ", "Fatal: ", "Debug: ")
_FAILED: Final = (
    "auth failed",
    "Password mismatch",
    "password mismatch",
    "unknown user",
    "Unknown user",
    "Authentication failed",
)
_ABORTED: Final = ("no auth attempts", "Too many invalid commands", "tried to use disallowed")
_MAX: Final = 64 * 1024


def parse(text: str, context: Context) -> Parsed:
    """One message of Dovecot. Messages of PAM modules inside it are PAM's."""
    message = text.strip()
    if not message:
        raise ParseError("an empty dovecot message")
    if message.startswith("pam_"):
        return pam.parse(message, context)
    fields: dict[str, Any] = {"message": message}
    process, found, rest = message[:_MAX].partition(": ")
    if found:
        for level in _LEVELS:
            rest = rest.removeprefix(level)
        if process.endswith("-login"):
            fields["protocol"] = process[:-6]
            _login(rest, fields)
        elif process == "auth" or process.startswith("auth-worker"):
            _auth(rest, fields)
        else:
            _session(process, rest, fields)
    return Parsed(fields=present(fields), logsource=SOURCE, format="dovecot")


def _login(rest: str, fields: dict[str, Any]) -> None:
    """``Login: user=<…>, …``, ``Disconnected (auth failed, 3 attempts in 12 secs): user=<…>, …``"""
    what, found, pairs = rest.partition(": user=<")
    if not found:
        what, found, pairs = rest.partition(": rip=")
        pairs = "rip=" + pairs if found else ""
    else:
        pairs = "user=<" + pairs
    _pairs(pairs, fields)
    if what == "Login":
        fields["action"] = "login"
        return
    if not what.startswith(("Disconnected", "Aborted login", "Connection closed", "Login aborted")):
        return
    reason = what.partition(" (")[2].removesuffix(")") or what.partition(": ")[2]
    if reason:
        fields["reason"] = reason
    told = what + reason
    if any(words in told for words in _FAILED):
        fields["action"] = "auth_failed"
        fields["attempts"] = _attempts(told)
    elif any(words in told for words in _ABORTED):
        fields["action"] = "aborted"
    else:
        fields["action"] = "disconnected"


def _attempts(told: str) -> int:
    """``auth failed, 3 attempts in 12 secs`` → 3; 1 when it does not say."""
    number = told.partition("auth failed, ")[2].partition(" ")[0]
    return int(number) if number.isdecimal() and len(number) < 8 else 1


def _auth(rest: str, fields: dict[str, Any]) -> None:
    """``passwd-file(lan,192.0.2.7,<session>): Password mismatch``; an unknown user is a failed attempt too."""
    who, found, why = rest.rpartition("): ")
    backend, opened, inside = who.partition("(")
    if not (found and opened):
        return
    # The name may hold commas: the address and the session are the last two.
    parts = inside.rsplit(",", 2)
    if len(parts) == 3 and not parts[2].startswith("<"):
        parts = [f"{parts[0]},{parts[1]}", parts[2]]
    fields["backend"] = backend
    if parts[0]:
        fields["username"] = parts[0]
    if len(parts) > 1 and parts[1]:
        fields["src_ip"] = parts[1]
    if len(parts) > 2:
        fields["session"] = parts[2].strip("<>")
    fields["reason"] = why
    if any(words in why for words in _FAILED) or "user has invalid" in why:
        fields["action"] = "auth_failed"


def _session(process: str, rest: str, fields: dict[str, Any]) -> None:
    """``imap(lan)<4242><abc>: Disconnected: Logged out in=38 out=511``, ``lmtp(lan)<…>: …``"""
    protocol, found, user = process.partition("(")
    if not found:
        return
    fields["protocol"] = protocol
    name = user.partition(")")[0]
    if name:
        fields["username"] = name
    if rest.startswith(("Disconnected", "Connection closed", "Logged out")):
        fields["action"] = "disconnected"
        fields["reason"] = rest.partition(": ")[2] or rest
        for part in rest[-512:].split():
            key, equals, value = part.partition("=")
            if equals and key in ("in", "out") and value.isdecimal() and len(value) < 16:
                fields[f"bytes_{key}"] = int(value)


def _pairs(told: str, fields: dict[str, Any]) -> None:
    if told.startswith("user=<"):
        # The name is the client's and may hold ", " and ">": it ends before the pair that always follows it.
        name, found, rest = told[6:].partition(">, method=")
        if found:
            rest = "method=" + rest
        else:
            name, _, rest = told[6:].partition(">, rip=")
            rest = "rip=" + rest
        if name.rstrip(">"):
            fields["username"] = name.rstrip(">")
        told = rest
    for part in told.split(", "):
        key, equals, value = part.partition("=")
        name_of = _PAIRS.get(key)
        value = value.removeprefix("<").removesuffix(">")
        if part == "TLS" or part.startswith("TLS "):
            fields["tls"] = True
        elif not (equals and name_of and value) or name_of in fields:
            continue
        elif name_of not in _NUMBERS:
            fields[name_of] = value
        elif value.isdecimal() and len(value) < 12:
            fields[name_of] = int(value)
