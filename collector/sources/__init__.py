"""Sources by the name a configuration gives them. A new one is one file and one line here."""

from typing import Final

from collector.sources.http import Http
from collector.sources.source import Batch, Inlet, Source
from collector.sources.stdin import Stdin
from collector.sources.syslog_tcp import SyslogTcp
from collector.sources.syslog_udp import SyslogUdp
from collector.sources.tail import Tail

SOURCES: Final[dict[str, type[Source]]] = {
    "tail": Tail,
    "syslog_udp": SyslogUdp,
    "syslog_tcp": SyslogTcp,
    "http": Http,
    "stdin": Stdin,
}

__all__ = ["SOURCES", "Batch", "Http", "Inlet", "Source", "Stdin", "SyslogTcp", "SyslogUdp", "Tail"]
