"""The online public-service portal's own log: one JSON object an action. Pure.

    {"ts": RFC 3339, "app": "dvc", "action": "upload", "user": …, "ip": …, "dossier": …, "file": …, "size": …, "mime": …,
     "result": …}

Keys the portal adds later become fields under their own names, nested ones with dots.
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.json_lines import decode, flatten
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

SOURCE: Final = LogSource(product="dvc", service="application")
APP: Final = "dvc"
_NAMES: Final = (("user", "username"), ("ip", "src_ip"), ("file", "file_name"))


def shape(document: dict[str, Any]) -> bool:
    """An action of the portal: ``app`` is ``dvc``, or it has ``dossier`` and ``action``."""
    return "action" in document and (document.get("app") == APP or ("dossier" in document and "ts" in document))


def from_document(document: dict[str, Any], context: Context) -> Parsed:
    """One action. ParseError when ``action`` is no text."""
    action = document.get("action")
    if not isinstance(action, str) or not action:
        raise ParseError("a portal record whose action is no text")
    found, cut = flatten(document)
    fields = {name: value for name, value in found.items() if value is not None and value != ""}
    for old, new in _NAMES:
        if old in fields:
            fields[new] = fields[old]
    name = fields.get("file_name")
    if isinstance(name, str):
        _, dot, extension = name.rpartition(".")
        if dot and 0 < len(extension) <= 16:
            fields["file_extension"] = extension.lower()
    size = fields.get("size")
    if isinstance(size, str) and size.isdecimal() and len(size) < 19:
        fields["size"] = int(size)
    at = times.first(document, ("ts", "@timestamp", "time"), context.zone)
    fields.pop("ts", None)
    fields.setdefault("message", _sentence(fields))
    if cut:
        fields["truncated_fields"] = cut
    host = fields.get("host")
    return Parsed(
        fields=present(fields),
        happened_at=at,
        host=host if isinstance(host, str) else "",
        logsource=SOURCE,
        format="portal",
        tags=("field-truncated",) if cut else (),
    )


def parse(text: str, context: Context) -> Parsed:
    """One object as text."""
    document = decode(text.strip())
    if not shape(document):
        raise ParseError("a JSON object that is no portal record")
    return from_document(document, context)


def _sentence(fields: dict[str, Any]) -> str:
    words = [str(fields[name])[:200] for name in ("action", "result", "user", "dossier", "file_name") if name in fields]
    return " ".join(words)
