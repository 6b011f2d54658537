"""The SOC's own signals as events, so that rules can watch the watch-tower: silent sources, failed rules, full disks. Pure.

{"product": "vonggac", "service": "soc", "event": "source_silent", "time": RFC 3339 or microseconds, "message": …, …}
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.json_lines import decode, flatten
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

PRODUCT: Final = "vonggac"
SERVICE: Final = "soc"
SOURCE: Final = LogSource(product=PRODUCT, service=SERVICE)


def shape(document: dict[str, Any]) -> bool:
    """Product ``vonggac``, service ``soc``, and an ``event``."""
    return document.get("product") == PRODUCT and document.get("service") == SERVICE and "event" in document


def from_document(document: dict[str, Any], context: Context) -> Parsed:
    """One signal. ParseError when ``event`` is no text."""
    event = document.get("event")
    if not isinstance(event, str) or not event:
        raise ParseError("a signal of the SOC whose event is no text")
    found, cut = flatten(document)
    at = times.first(document, ("time", "at", "ts", "@timestamp"), "UTC")
    fields = {name: value for name, value in found.items() if name not in ("product", "service", "time") and value is not None}
    fields.setdefault("message", event)
    if cut:
        fields["truncated_fields"] = cut
    host = document.get("host")
    return Parsed(
        fields=present(fields),
        happened_at=at,
        host=host if isinstance(host, str) else "",
        logsource=SOURCE,
        format="soc",
        tags=("field-truncated",) if cut else (),
    )


def parse(text: str, context: Context) -> Parsed:
    """One object as text."""
    document = decode(text.strip())
    if not shape(document):
        raise ParseError("a JSON object that is no signal of the SOC")
    return from_document(document, context)
