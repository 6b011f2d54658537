"""What a parser gets and gives, and how a source is to be read. Pure."""

from collections.abc import Callable
from typing import Any

import msgspec

from model import LogSource, Micros


class Profile(msgspec.Struct, frozen=True):
    """How records of one source are to be understood.

    ``format`` is a name of ``collector.parsers.PARSERS`` or ``auto`` (sniffed). ``zone`` is the IANA zone of times without one.
    ``encoding`` is ``auto``, ``utf-8``, ``windows-1258``, ``tcvn3`` or ``utf-16``. ``system`` fixes the information system;
    ``logsource`` overrides what the parser decides; ``host`` is the machine when neither the record nor its peer names one.
    """

    source: str
    format: str = "auto"
    zone: str = "Asia/Ho_Chi_Minh"
    encoding: str = "auto"
    system: str = ""
    logsource: LogSource | None = None
    host: str = ""


class Context(msgspec.Struct, frozen=True, gc=False):
    """What a parser may know beyond the text: when it came, the zone of bare times, from whom, and by which program.

    ``program`` is the syslog tag as the envelope gave it (``postfix/smtpd``, ``su``), empty when there was no envelope.
    """

    received_at: Micros
    zone: str = "Asia/Ho_Chi_Minh"
    peer: str = ""
    program: str = ""


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """What a parser understood.

    ``message`` is set by envelopes (syslog): text to be parsed further, by ``program`` or by sniffing.
    """

    fields: dict[str, Any]
    happened_at: Micros | None = None
    host: str = ""
    logsource: LogSource = LogSource()
    format: str = ""
    tags: tuple[str, ...] = ()
    program: str = ""
    message: str | None = None


Parser = Callable[[str, Context], Parsed]
"""Raises ParseError when the text is not of its format, and nothing else."""
