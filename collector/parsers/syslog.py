"""Syslog of either kind: RFC 5424 when version 1 follows the priority, else RFC 3164."""

from collector.parsers import rfc3164, rfc5424
from collector.recipe import Context, Parsed
from model import ParseError


def parse(text: str, context: Context) -> Parsed:
    """As ``rfc5424`` or ``rfc3164``. ParseError when it is neither."""
    if text[:1] == "<" and text.find(">1 ", 2, 7) > 0:
        try:
            return rfc5424.parse(text, context)
        except ParseError:
            pass  # "<13>1 …" may still be a BSD message that begins with a number
    return rfc3164.parse(text, context)
