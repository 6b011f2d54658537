"""sudo's messages (sudoers(5), "LOG FORMAT"), after the syslog envelope. Pure.

Form: ``user : [reason ;] TTY=… ; PWD=… ; USER=… ; [GROUP=…] ; [ENV=…] ; COMMAND=…``. COMMAND comes last and may hold anything.
"""

from typing import Any, Final

from collector.parsers import pam
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

SOURCE: Final = LogSource(product="linux", service="sudo")
_FIELDS: Final = {
    "TTY": ("tty",),
    "PWD": ("cwd", "PWD"),
    "USER": ("target_user", "USER"),
    "GROUP": ("target_group",),
    "HOST": ("target_host",),
    "CHROOT": ("chroot",),
    "TSID": ("session",),
    "ENV": ("environment",),
}
_COMMAND: Final = "COMMAND="


def parse(text: str, context: Context) -> Parsed:
    """One message of sudo. Messages of PAM modules inside sudo are PAM's."""
    message = text.strip()
    if not message:
        raise ParseError("an empty sudo message")
    if message.startswith("pam_"):
        return pam.parse(message, context)
    fields: dict[str, Any] = {"message": message}
    user, found, rest = message.partition(" : ")
    if found and len(user) <= 256:
        fields["username"] = user.strip()
        _understand(rest, fields)
    return Parsed(fields=present(fields), logsource=SOURCE, format="sudo")


def _understand(rest: str, fields: dict[str, Any]) -> None:
    at = 0 if rest.startswith(_COMMAND) else rest.find(f"; {_COMMAND}")
    if at >= 0:
        command = rest[at:].removeprefix("; ").removeprefix(_COMMAND)
        if command:
            fields["command"] = fields["CommandLine"] = command
            fields["Image"] = command.split(" ", 1)[0]
        rest = rest[:at]
    reasons = []
    for part in rest[:16384].split(" ; "):
        key, equals, value = part.strip(" ;").partition("=")
        names = _FIELDS.get(key)
        if equals and names:
            for name in names:
                fields[name] = value
        elif key:
            reasons.append(part.strip(" ;"))
    if reasons:
        fields["result"] = "failure"
        _reason(reasons[0], fields)
    elif at >= 0:
        fields["result"] = "success"


def _reason(reason: str, fields: dict[str, Any]) -> None:
    """``3 incorrect password attempts`` → attempts 3, reason ``incorrect password``."""
    number, _, what = reason.partition(" ")
    if number.isdecimal() and len(number) < 6 and what.startswith("incorrect password"):
        fields["attempts"] = int(number)
        fields["reason"] = "incorrect password"
    elif "not in sudoers" in reason.lower():
        fields["reason"] = "not in sudoers"
    else:
        fields["reason"] = reason[:512]
