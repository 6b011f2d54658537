"""Sends generated lines the way real senders do: syslog over TCP, HTTP with a key, files that grow."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType

import aiohttp

from daemon.load import Configuration
from daemon.settings import Http, SyslogTcp, SyslogTls
from daemon.units import split_address
from model import ConfigError, VonggacError
from province.line import Line

CHUNK = 400
"""Lines sent before the clock is looked at; channels drift apart by no more than this."""


class ReplayError(VonggacError):
    """A receiver of the running house did not take a line."""


class Replay:
    """Connections to a running house. Use as ``async with``; ``folder`` is where the growing files are."""

    def __init__(self, configuration: Configuration, key: str, folder: Path) -> None:
        sources = configuration.settings.collector.sources
        syslog = next((s for s in sources if isinstance(s, SyslogTcp) and not isinstance(s, SyslogTls)), None)
        http = next((s for s in sources if isinstance(s, Http)), None)
        if syslog is None or http is None:
            raise ConfigError(f"{configuration.file}: the demo needs a source of type syslog_tcp and one of type http")
        self._address, self._url = split_address(syslog.listen), f"http://{http.listen}/ingest"
        self._key, self._folder = key, folder

    async def __aenter__(self) -> "Replay":
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _, self._syslog = await asyncio.open_connection(*self._address)
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": "application/x-ndjson"}
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._syslog.close()
        await self._http.close()

    async def run(self, lines: Iterable[Line], speed: float, sent: Callable[[int, Line], None], stop: asyncio.Event) -> int:
        """Send ``lines`` ``speed`` times as fast as they happened (0: without a pause); return how many.

        Faster than about 2,400 times, files (looked at every quarter of a second) would fall so far behind the other channels, in
        event time, that they looked silent.

        ``sent`` is told after every chunk how many lines there were so far and the last of them.
        """
        loop, source, count = asyncio.get_running_loop(), iter(lines), 0
        started, begin = loop.time(), None
        while not stop.is_set() and (chunk := list(islice(source, CHUNK))):
            for part in _paced(chunk, speed):
                begin = part[0].at if begin is None else begin
                due = (part[0].at - begin) / 1e6 / speed if speed else 0.0
                await asyncio.sleep(max(0.0, due - (loop.time() - started)))
                try:
                    await self._send(part)
                except (aiohttp.ClientError, OSError) as error:
                    if stop.is_set():
                        return count
                    raise ReplayError(f"the collector does not take the day's lines any more ({error}); see its log") from None
                count += len(part)
                sent(count, part[-1])
        return count

    async def _send(self, lines: Sequence[Line]) -> None:
        syslog: list[str] = []
        posts: list[str] = []
        files: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            if line.channel == "syslog":
                syslog.append(line.text)
            elif line.channel == "http":
                posts.append(line.text)
            else:
                files[line.channel.removeprefix("file:")].append(line.text)
        for name, texts in files.items():
            with (self._folder / f"{name}.log").open("a", encoding="utf-8") as stream:
                stream.write("\n".join(texts) + "\n")
        if syslog:
            self._syslog.write(("\n".join(syslog) + "\n").encode())
            await self._syslog.drain()
        if posts:
            async with self._http.post(self._url, data="\n".join(posts).encode()) as answer:
                if answer.status != 200:
                    raise ReplayError(f"{self._url} answered {answer.status}: {(await answer.text())[:200]}")


def _paced(chunk: Sequence[Line], speed: float) -> Iterable[Sequence[Line]]:
    """Parts of a chunk that belong into the same 0.2 s of the replay, so that quiet hours still flow evenly; all at speed 0."""
    width, part = 200_000 * speed, list[Line]()
    for line in chunk:
        if part and speed and line.at - part[0].at > width:
            yield part
            part = []
        part.append(line)
    if part:
        yield part
