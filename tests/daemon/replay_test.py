"""The replay of generated lines."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon.load import Configuration, load
from daemon.replay import Replay, ReplayError
from model import ConfigError
from model.moment import SECOND
from province.line import Line

START = 1_795_248_000 * SECOND


class Receivers:
    """A syslog and an HTTP receiver of this test, and what they got."""

    def __init__(self, answer: int = 200) -> None:
        self.syslog, self.posted, self.keys = bytearray(), list[str](), set[str]()
        self.answer, self.port, self.http = answer, 0, 0

    async def __aenter__(self) -> "Receivers":
        self._tcp = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._tcp.sockets[0].getsockname()[1]
        app = web.Application()
        app.router.add_post("/ingest", self._post)
        self._web = TestServer(app)
        await self._web.start_server()
        self.http = self._web.port or 0
        return self

    async def __aexit__(self, *_: object) -> None:
        self._tcp.close()
        await self._web.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.syslog += data
        writer.close()

    async def _post(self, request: web.Request) -> web.Response:
        self.posted += (await request.text()).splitlines()
        self.keys.add(request.headers["Authorization"])
        return web.Response(status=self.answer, text="because")


def lines(count: int, step: int) -> Iterator[Line]:
    for n in range(count):
        channel = ("syslog", "http", "file:nginx")[n % 3]
        yield Line(START + n * step, channel, "dvc", f"dòng {n}")


def configuration(config: Path, syslog: int, http: int) -> Configuration:
    text = config.read_text("utf-8").replace("5514", str(syslog))
    config.write_text(text + f'    - {{name: http, type: http, listen: "127.0.0.1:{http}"}}\n', "utf-8")
    return load(config)


async def test_lines_go_where_they_belong(config: Path, tmp_path: Path) -> None:
    """Each channel gets its lines in order, once; HTTP with the key; what was sent is told. Speed 0 takes no pause."""
    told = []
    async with Receivers() as got:
        async with Replay(configuration(config, got.port, got.http), "the-key", tmp_path / "files") as replay:
            begun = asyncio.get_running_loop().time()
            sent = await replay.run(lines(3000, SECOND), 0, lambda count, last: told.append(count), asyncio.Event())
            assert asyncio.get_running_loop().time() - begun < 5
        await asyncio.sleep(0.1)
        assert sent == told[-1] == 3000
        assert bytes(got.syslog).decode().splitlines() == [f"dòng {n}" for n in range(0, 3000, 3)]
        assert got.posted == [f"dòng {n}" for n in range(1, 3000, 3)] and got.keys == {"Bearer the-key"}
        assert (tmp_path / "files/nginx.log").read_text("utf-8").splitlines() == [f"dòng {n}" for n in range(2, 3000, 3)]


async def test_the_day_keeps_its_rhythm(config: Path, tmp_path: Path) -> None:
    """Lines over 60 s at a hundred times their speed take 0.6 s; a stop ends it in between."""
    stop = asyncio.Event()
    async with Receivers() as got:
        loaded = configuration(config, got.port, got.http)
        async with Replay(loaded, "k", tmp_path) as replay:
            begun = asyncio.get_running_loop().time()
            assert await replay.run(lines(61, SECOND), 100, lambda count, last: None, stop) == 61
            assert 0.4 < asyncio.get_running_loop().time() - begun < 3
            count = await replay.run(lines(50_000, SECOND), 100_000, lambda count, last: stop.set(), stop)
            assert 0 < count < 50_000


async def test_a_receiver_that_refuses_is_said(config: Path, tmp_path: Path) -> None:
    """An answer other than 200 ends the replay with the receiver's words."""
    async with Receivers(503) as got, Replay(configuration(config, got.port, got.http), "k", tmp_path) as replay:
        with pytest.raises(ReplayError, match="answered 503: because"):
            await replay.run(lines(10, SECOND), 0, lambda count, last: None, asyncio.Event())


async def test_it_needs_both_receivers(config: Path, tmp_path: Path) -> None:
    """Settings without HTTP ingest cannot play the day: said before anything is sent."""
    with pytest.raises(ConfigError, match="needs a source of type syslog_tcp and one of type http"):
        Replay(load(config), "k", tmp_path)
