"""Unbound's log: queries (``log-queries``), replies (``log-replies``) and local zones (``log-local-actions``). Pure.

Forms: ``[1795228200] unbound[612:0] info: 10.10.7.21 example. A IN`` from its file, ``[612:0] info: …`` after a syslog envelope.
"""

from typing import Any, Final

from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, Micros, ParseError

QUERY: Final = LogSource(product="unbound", categories=("dns",), service="query")
OTHER: Final = LogSource(product="unbound", service="server")
_LEVELS: Final = frozenset(("info", "notice", "error", "warning", "debug", "fatal error", "query", "reply"))
_CLASSES: Final = frozenset(("IN", "CH", "HS", "ANY"))


def parse(text: str, context: Context) -> Parsed:
    """One line. ParseError when it has no level such as ``info:`` after its prefix."""
    line = text.strip()
    head, found, told = line.partition(": ")
    level = head.rpartition("] ")[2] if "] " in head else head
    if not found or level not in _LEVELS:
        raise ParseError("not an unbound line: no level such as 'info:' after its prefix")
    fields: dict[str, Any] = {"level": level, "message": told}
    words = told.split(" ", 12) if len(told) < 4096 else []
    source = QUERY if _query(words, fields) or _local(words, fields) else OTHER
    return Parsed(fields=present(fields), happened_at=_time(head), logsource=source, format="unbound")


def _time(head: str) -> Micros | None:
    """``[1795228200] unbound[612:0]``: seconds since 1970."""
    stamp = head[1:].partition("]")[0] if head.startswith("[") else ""
    return int(stamp) * 1_000_000 if stamp.isdecimal() and len(stamp) in (10, 11) else None


def _query(words: list[str], fields: dict[str, Any]) -> bool:
    """``10.10.7.21 example. A IN`` and, of a reply, ``NOERROR 0.012000 0 45``."""
    if len(words) < 4 or words[3] not in _CLASSES:
        return False
    fields["src_ip"] = words[0].partition("@")[0]
    fields["query"] = words[1].rstrip(".") or "."
    fields["record_type"] = words[2]
    fields["query_class"] = words[3]
    if len(words) >= 8:
        fields["rcode"] = words[4]
        seconds, size = words[5], words[7]
        if len(seconds) < 20 and seconds.replace(".", "", 1).isdecimal():
            fields["duration"] = float(seconds)
        fields["cached"] = words[6] == "1"
        if size.isdecimal() and len(size) < 10:
            fields["size"] = int(size)
    return True


def _local(words: list[str], fields: dict[str, Any]) -> bool:
    """``doc-hai.example. always_nxdomain 10.10.7.21@40022 www.doc-hai.example. A IN``"""
    if len(words) < 6 or words[5] not in _CLASSES or "@" not in words[2]:
        return False
    fields["zone"] = words[0].rstrip(".") or "."
    fields["action"] = words[1]
    fields["src_ip"] = words[2].partition("@")[0]
    fields["query"] = words[3].rstrip(".") or "."
    fields["record_type"] = words[4]
    fields["query_class"] = words[5]
    return True
