"""FortiGate's log (FortiOS Log Message Reference): ``date=2026-11-21 time=09:30:00 devname="…" type="event" …``. Pure.

Log source as SigmaHQ names it: product ``fortigate``, service the value of ``type``.
"""

import re
from typing import Any, Final

from collector.parsers import times
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, Micros, ParseError

# Starts only at a word; what is inside quotes is never looked at twice.
_PAIR: Final = re.compile(r"""(?<![^ ])([^ ="]{1,128})=(?:"((?:[^"\\]++|\\.)*+)"|([^ ]*))""", re.DOTALL)
_LIMIT: Final = 64 * 1024
_NUMBERS: Final = {
    "srcport": "src_port",
    "dstport": "dst_port",
    "sentbyte": "sentbyte",
    "rcvdbyte": "rcvdbyte",
    "duration": "duration",
    "policyid": "policyid",
}
_NAMES: Final = (
    ("srcip", "src_ip"),
    ("remip", "src_ip"),
    ("dstip", "dst_ip"),
    ("user", "username"),
    ("hostname", "cs-host"),
    ("url", "c-uri"),
)
_BLOCKED: Final = frozenset(("deny", "denied", "block", "blocked", "dropped", "quarantined"))
_SERVICES: Final = {
    kind: LogSource(product="fortigate", categories=("firewall",), service=kind) for kind in ("event", "traffic", "utm")
}


def parse(text: str, context: Context) -> Parsed:
    """One line. ParseError when it has no ``type`` or names neither device nor log id."""
    start = text.find("date=", 0, 64)
    found = _pairs(text[start : start + _LIMIT] if start > 0 else text[:_LIMIT])
    kind = found.get("type", "")
    if not kind or not ("logid" in found or "devid" in found or "devname" in found):
        raise ParseError("not a FortiGate line: no type= with logid=, devid= or devname=")
    fields: dict[str, Any] = {name: value for name, value in found.items() if value and value != "N/A"}
    for old, new in _NAMES:
        if old in fields and new not in fields:
            fields[new] = fields[old]
    for old, new in _NUMBERS.items():
        value = found.get(old, "")
        if value.isdecimal() and len(value) < 19:
            fields[new] = int(value)
    action = found.get("action", "")
    if kind == "traffic" and action:
        fields["blocked"] = "true" if action in _BLOCKED else "false"
    fields["message"] = found.get("msg") or found.get("logdesc") or text.strip()
    source = _SERVICES.get(kind) or LogSource(product="fortigate", categories=("firewall",), service=kind[:64])
    return Parsed(
        fields=present(fields),
        happened_at=_time(found, context),
        host=found.get("devname", ""),
        logsource=source,
        format="fortigate",
    )


def _pairs(text: str) -> dict[str, str]:
    """Pairs by name; of a name written twice the first counts. Quotes inside values come with a backslash."""
    found: dict[str, str] = {}
    for name, quoted, bare in _PAIR.findall(text):
        if name not in found:
            found[name] = quoted.replace('\\"', '"') if "\\" in quoted else quoted or bare
    return found


def _time(found: dict[str, str], context: Context) -> Micros | None:
    """``eventtime`` (seconds, or nanoseconds since FortiOS 6.2), else date and time with ``tz``."""
    stamp = found.get("eventtime", "")
    if stamp.isdecimal() and 10 <= len(stamp) <= 19:
        return int(stamp[:10]) * 1_000_000 + int(stamp[10:16].ljust(6, "0"))
    zone = found.get("tz", "")
    try:
        return times.rfc3339(f"{found.get('date', '')} {found.get('time', '')}{zone}", context.zone)
    except ParseError:
        return None
