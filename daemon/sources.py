"""Settings of a source → the loop that reads it."""

import asyncio
import ssl
from pathlib import Path

from backbone.ports import Clock, Journal
from backbone.signals import Signals
from collector.loop import Intake
from collector.sources.http import Http
from collector.sources.source import Source
from collector.sources.stdin import Stdin
from collector.sources.syslog_tcp import SyslogTcp
from collector.sources.syslog_udp import SyslogUdp
from collector.sources.tail import Tail
from daemon import keys, settings
from daemon.load import Configuration
from daemon.loops import Loop
from daemon.units import split_address
from model.moment import SECOND


def source_loop(
    source: settings.Source, configuration: Configuration, intake: Intake, log: Journal, clock: Clock, signals: Signals
) -> Loop:
    """The loop of one configured source."""
    if isinstance(source, settings.Stdin):
        return _once(Stdin(name=source.name, inlet=intake, clock=clock, limit=source.max_line))
    if isinstance(source, settings.File):
        return Tail(
            name=source.name,
            patterns=[str(Path(p).expanduser()) for p in source.paths],
            inlet=intake,
            bus=log,
            signals=signals,
            clock=clock,
            start=source.start,
            limit=source.max_line,
            rescan=source.rescan / SECOND,
        ).run
    host, port = split_address(source.listen)
    if isinstance(source, settings.SyslogUdp):
        return SyslogUdp(
            name=source.name,
            host=host,
            port=port,
            inlet=intake,
            signals=signals,
            clock=clock,
            limit=source.max_line,
            socket_buffer=source.receive_buffer,
        ).run
    if isinstance(source, settings.Http):
        return Http(
            name=source.name,
            host=host,
            port=port,
            keys={"ingest": keys.token(configuration.home / "keys", "ingest").digest},
            inlet=intake,
            bus=log,
            signals=signals,
            clock=clock,
            max_body=source.max_request,
            max_unpacked=source.max_unpacked,
            max_records=source.max_records,
            max_record=source.max_line,
        ).run
    return SyslogTcp(
        name=source.name,
        host=host,
        port=port,
        inlet=intake,
        signals=signals,
        clock=clock,
        tls=_tls(source, configuration) if isinstance(source, settings.SyslogTls) else None,
        limit=source.max_line,
        connections=source.max_connections,
        idle=source.idle / SECOND,
    ).run


def _tls(source: settings.SyslogTls, configuration: Configuration) -> ssl.SSLContext:
    if source.certificate:
        chain, key = configuration.path(source.certificate), configuration.path(source.key)
    else:
        chain, key = keys.certificate(configuration.home / "keys")
    return keys.server_tls(chain, key, configuration.path(source.client_ca) if source.client_ca else None)


def _once(source: Source) -> Loop:
    """A source that may end: it is not started again."""

    async def run(stop: asyncio.Event) -> None:
        await source.run(stop)
        await stop.wait()

    return run
