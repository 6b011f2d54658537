"""Messages of PAM modules (Linux-PAM ``pam_unix``, ``pam_faillock``, ``pam_sss``, …) in any program. Pure.

Form: ``module(service:type): text``. What the text means is read from its first words; ``key=value`` pairs of failures
become fields.
"""

from ipaddress import ip_address
from typing import Any, Final

from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

SOURCE: Final = LogSource(product="linux", service="auth")
_KEYS: Final = {"logname": "logname", "uid": "uid", "euid": "euid", "tty": "tty", "ruser": "ruser", "rhost": "rhost"}
_ACTIONS: Final = (
    ("session opened for user ", "session_opened"),
    ("session closed for user ", "session_closed"),
    ("authentication failure", "auth_failed"),
    ("authentication success", "auth_succeeded"),
    ("check pass; user unknown", "user_unknown"),
    ("password changed for ", "password_changed"),
    ("Consecutive login failures for user ", "account_locked"),
    ("user ", "auth_failed"),
    ("auth could not identify password for ", "auth_failed"),
    ("access denied for user ", "access_denied"),
    ("account ", "account_expired"),
    ("Access denied", "access_denied"),
)


def parse(text: str, context: Context) -> Parsed:
    """One message of a PAM module. ParseError when it has no ``module(service:type):``."""
    message = text.strip()
    head, found, told = message.partition("): ")
    module, opened, where = head.partition("(")
    if not (found and opened and module.startswith("pam_")) or len(head) > 128:
        raise ParseError("not a PAM message: no 'module(service:type):' at its start")
    service, _, kind = where.partition(":")
    fields: dict[str, Any] = {"message": message, "module": module, "service": service}
    if kind:
        fields["type"] = kind
    _understand(told, fields)
    rhost = fields.get("rhost")
    if rhost:
        _address(rhost, fields)
    return Parsed(fields=present(fields), logsource=SOURCE, format="pam")


def _understand(told: str, fields: dict[str, Any]) -> None:
    start, action = next((pair for pair in _ACTIONS if told.startswith(pair[0])), ("", ""))
    if not start:
        return
    rest = told[len(start) :]
    if start == "user ":
        # "user [lan] has ..."; other sentences about users say nothing we act on.
        if "account temporarily locked" not in rest and "maximum authentication" not in rest:
            return
        action = "account_locked"
    if start == "account ":
        name, found, why = rest.partition(" has ")
        if not found or "expired" not in why:
            return
        fields["username"] = name
        fields["reason"] = why
    fields["action"] = action
    if action in ("session_opened", "session_closed"):
        _session(rest, fields)
    elif start.startswith("auth"):
        if start.endswith("for "):
            fields["username"] = _bare(rest)
        else:
            _pairs(rest, fields)
    elif start.endswith((" for ", "user ")):
        fields["username"] = _bare(rest)


def _session(rest: str, fields: dict[str, Any]) -> None:
    """``root(uid=0) by lan(uid=1000)``, ``root by (uid=0)``, ``root``"""
    user, _, by = rest.partition(" by ")
    name, _, uid = user.partition("(uid=")
    fields["username"] = name.strip()
    number = uid.rstrip(")")
    if number.isdecimal() and len(number) <= 10:
        fields["uid"] = int(number)
    caller = by.partition("(uid=")[0].strip()
    if caller:
        fields["by"] = caller


def _pairs(rest: str, fields: dict[str, Any]) -> None:
    """``; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=lan``"""
    pairs, _, user = rest[:4096].partition(" user=")
    for part in pairs.split():
        key, equals, value = part.partition("=")
        name = _KEYS.get(key.lstrip(";"))
        if not equals or not value or name is None:
            continue
        if name not in ("uid", "euid"):
            fields[name] = value
        elif value.isdecimal() and len(value) <= 10:
            fields[name] = int(value)
    if user.strip():
        # The user's name comes last and is the stranger's to choose, blanks and "rhost=" included.
        fields["username"] = user.strip()


def _bare(rest: str) -> str:
    words = rest[:512].split(None, 1)
    return words[0].strip("[];,") if words else ""


def _address(rhost: str, fields: dict[str, Any]) -> None:
    try:
        fields["src_ip"] = str(ip_address(rhost))
    except ValueError:
        return
