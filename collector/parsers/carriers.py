"""JSON that only carries a line another program wrote: journald (``journalctl -o json``), Docker json-file, Beats, Elastic Agent.

The carrier gives host, program and time; the line inside is parsed further like the message of a syslog envelope.
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.rfc3164 import FACILITIES, SEVERITIES, source_of
from collector.recipe import Context, Parsed
from model import ParseError

_JOURNAL: Final = {"_SYSTEMD_UNIT": "unit", "_UID": "uid", "_EXE": "exe", "_CMDLINE": "cmdline", "_TRANSPORT": "transport"}
_DOCKER: Final = frozenset(("log", "stream", "time"))


def shape(document: dict[str, Any]) -> bool:
    """Whether this object carries a line: by the names its carrier always writes."""
    if "MESSAGE" in document:
        return "__REALTIME_TIMESTAMP" in document or "_SOURCE_REALTIME_TIMESTAMP" in document
    if "message" in document:
        return "@timestamp" in document and isinstance(document.get("agent"), dict)
    return len(document) <= 4 and document.keys() >= _DOCKER


def from_document(document: dict[str, Any], context: Context) -> Parsed:
    """Fields of the carrier and the carried line as ``message``. ParseError when the line is no text."""
    if "MESSAGE" in document:
        return _journal(document, context)
    fields: dict[str, Any] = {}
    host = ""
    if "message" in document:
        message = document["message"]
        at = times.first(document, ("@timestamp",), "UTC")
        host = _text(document.get("host"), "name") or _text(document["agent"], "hostname")
        path = _text(document["log"].get("file"), "path") if isinstance(document.get("log"), dict) else ""
        if path:
            fields["path"] = path
    else:
        message = document["log"]
        at = times.first(document, ("time",), "UTC")
        if isinstance(document["stream"], str):
            fields["stream"] = document["stream"]
    if not isinstance(message, str):
        raise ParseError("a carrier whose line is no text")
    fields["message"] = message = message.rstrip("\r\n")
    return Parsed(fields=fields, happened_at=at, host=host, format="json", message=message)


def _journal(document: dict[str, Any], context: Context) -> Parsed:
    """An entry of systemd's journal; see systemd.journal-fields(7)."""
    message = document["MESSAGE"]
    if isinstance(message, list):  # journald writes a message that is no UTF-8 as a list of bytes
        try:
            message = bytes(message).decode("utf-8", "backslashreplace")
        except (ValueError, TypeError):
            raise ParseError("a journal entry whose message is neither text nor bytes") from None
    if not isinstance(message, str):
        raise ParseError("a journal entry without message")
    fields: dict[str, Any] = {name: document[key] for key, name in _JOURNAL.items() if isinstance(document.get(key), str)}
    program = _text(document, "SYSLOG_IDENTIFIER") or _text(document, "_COMM")
    if program:
        fields["program"] = program
    pid = _text(document, "_PID") or _text(document, "SYSLOG_PID")
    if pid.isdecimal() and len(pid) < 19:
        fields["pid"] = int(pid)
    for key, name, words in (("SYSLOG_FACILITY", "facility", FACILITIES), ("PRIORITY", "severity", SEVERITIES)):
        number = _text(document, key)
        if number.isdecimal() and len(number) < 3 and int(number) < len(words):
            fields[name] = words[int(number)]
    fields["message"] = message
    return Parsed(
        fields=fields,
        happened_at=times.first(document, ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"), context.zone),
        host=_text(document, "_HOSTNAME"),
        logsource=source_of(program),
        format="syslog",
        program=program,
        message=message,
    )


def _text(document: Any, key: str) -> str:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, str) else ""
