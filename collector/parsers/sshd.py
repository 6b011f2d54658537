"""OpenSSH server messages (sshd(8), ``auth.c``, ``packet.c``), after the syslog envelope. Pure.

User names are the stranger's to choose and may contain `` from ``: where sshd logs an unchecked name, the address is taken from
the end of the line. Letters beyond ASCII come as octal escapes, which ``username`` has undone. Messages nobody needs apart are
kept with ``message`` only.
"""

from typing import Any, Final

from collector.parsers import pam
from collector.parsers.present import present
from collector.parsers.quoting import unvis
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

SOURCE: Final = LogSource(product="linux", service="sshd")
_INVALID: Final = "invalid user "
_MAX: Final = "error: maximum authentication attempts exceeded for "
_REPEATED: Final = "message repeated "
_CLOSED: Final = ("Connection closed by ", "Connection reset by ", "Disconnected from ", "Disconnecting ")
_KINDS: Final = ("authenticating user ", "invalid user ", "user ")
_NAMELESS: Final = {
    "Received disconnect from ": "disconnected",
    "Did not receive identification string from ": "no_identification",
    "banner exchange: Connection from ": "no_identification",
    "error: kex_exchange_identification: Connection from ": "no_identification",
    "Connection from ": "connected",
    "Unable to negotiate with ": "refused",
    "Timeout before authentication for ": "disconnected",
}


def parse(text: str, context: Context) -> Parsed:
    """One message of sshd. Messages of PAM modules inside sshd are PAM's."""
    message = text.strip()
    if not message:
        raise ParseError("an empty sshd message")
    if message.startswith("pam_"):
        return pam.parse(message, context)
    fields: dict[str, Any] = {"message": message}
    told = message.removesuffix(" [preauth]")
    if told.startswith(_REPEATED):
        times, found, inner = told[len(_REPEATED) :].partition(" times: [ ")
        if found and times.isdecimal() and len(times) < 10:
            fields["repeated"] = int(times)
            told = inner.removesuffix("]").removesuffix(" [preauth]")
    _understand(told, fields)
    if "\\" in fields.get("username", ""):
        # What the unprivileged child says is escaped by it and again by its parent.
        name = unvis(fields["username"])
        fields["username"] = unvis(name) if " [preauth]" in message[-12:] else name
    return Parsed(fields=present(fields), logsource=SOURCE, format="sshd")


def _understand(told: str, fields: dict[str, Any]) -> None:
    if told.startswith("Failed "):
        _attempt("failed", told[7:], fields)
    elif told.startswith("Accepted "):
        _accepted(told[9:], fields)
    elif told.startswith("Invalid user "):
        fields["action"] = "invalid_user"
        fields["invalid_user"] = True
        _name_and_peer(told[13:], fields)
    elif told.startswith(_MAX):
        fields["action"] = "max_attempts"
        _name_and_peer(told[len(_MAX) :], fields)
    elif told.startswith("User ") and " not allowed because " in told:
        fields["action"] = "refused"
        who, _, fields["reason"] = told[5:].rpartition(" not allowed because ")
        _name_and_peer(who, fields)
    elif told.startswith(_CLOSED):
        _closed(told, fields)
    else:
        for start, action in _NAMELESS.items():
            if told.startswith(start):
                fields["action"] = action
                _peer(told[len(start) :], fields)
                return


def _accepted(told: str, fields: dict[str, Any]) -> None:
    """``publickey for lan from 192.0.2.7 port 5022 ssh2: ED25519 SHA256:…``; the account exists, so its name has no blanks."""
    method, _, rest = told.partition(" for ")
    user, found, peer = rest.partition(" from ")
    if not found:
        return
    fields["action"] = "accepted"
    fields["method"] = method
    fields["username"] = user
    _peer(peer, fields)
    _, found, key = peer.partition(" ssh2: ")
    if found:
        kind, _, print_ = key.partition(" ")
        fields["key_type"] = kind
        if print_:
            fields["fingerprint"] = print_.rpartition(" ")[2]


def _attempt(action: str, told: str, fields: dict[str, Any]) -> None:
    """``password for invalid user lan from 192.0.2.7 port 5022 ssh2``"""
    method, found, rest = told.partition(" for ")
    if not found:
        return
    fields["action"] = action
    fields["method"] = method
    _name_and_peer(rest, fields)


def _name_and_peer(told: str, fields: dict[str, Any]) -> None:
    if told.startswith(_INVALID):
        fields["invalid_user"] = True
        told = told[len(_INVALID) :]
    user, found, peer = told.rpartition(" from ")
    if not found:
        # An empty name leaves "from …" at the start.
        user, peer = ("", told[5:]) if told.startswith("from ") else (told, "")
    if user.strip():
        fields["username"] = user.strip()
    if peer:
        _peer(peer, fields)


def _closed(told: str, fields: dict[str, Any]) -> None:
    """``Connection closed by invalid user lan 192.0.2.7 port 5022``, ``Disconnecting user lan 192.0.2.7 port 5022: reason``"""
    fields["action"] = "disconnected"
    rest = next(told[len(start) :] for start in _CLOSED if told.startswith(start))
    for kind in _KINDS:
        if rest.startswith(kind):
            if kind == _INVALID:
                fields["invalid_user"] = True
            head, found, port = rest[len(kind) :].rpartition(" port ")
            if not found:
                return
            user, _, address = head.rpartition(" ")
            if user.strip():
                fields["username"] = user.strip()
            _peer(f"{address} port {port}", fields)
            return
    _peer(rest, fields)


def _peer(told: str, fields: dict[str, Any]) -> None:
    """``192.0.2.7 port 5022: reason`` or ``192.0.2.7``"""
    address, _, rest = told.partition(" ")
    address = address.rstrip(":,")
    if address:
        fields["src_ip"] = address
    if not rest.startswith("port "):
        return
    digits = rest[5:11]
    end = 0
    while end < len(digits) and digits[end].isdecimal():
        end += 1
    if 0 < end <= 5:
        fields["src_port"] = int(digits[:end])
        reason = rest[5 + end :]
        if reason.startswith(":") and "action" in fields:
            fields["reason"] = reason.lstrip(": ")
