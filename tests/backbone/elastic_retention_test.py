"""A cluster with the data stream lifecycle is told how long each stream is kept. Made up: the minimal distribution has none."""

from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from backbone.clock import ManualClock
from backbone.elastic_client import Access
from backbone.elastic_retention import Retention
from model.moment import DAY


async def test_each_stream_is_told_its_time() -> None:
    """The time is that of the stream's system, else the default, in whole days rounded up; what it is already is not written."""
    told: dict[str, Any] = {}
    streams = [
        {"name": "logs-vonggac.dvc-x", "lifecycle": {"enabled": True}},
        {"name": "logs-vonggac.mail-x", "lifecycle": {"enabled": True, "data_retention": "31d"}},
        {"name": "logs-vonggac.other-x"},
    ]

    async def answer(request: web.Request) -> web.Response:
        found: dict[str, Any] = {"data_streams": [], "indices": [], "aliases": []}
        if request.path.endswith("_lifecycle"):
            if request.method == "PUT":
                told[request.path.split("/")[2]] = msgspec.json.decode(await request.read())
            found = {"data_streams": streams}
        return web.json_response(found, headers={"X-Elastic-Product": "Elasticsearch"})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    clock = ManualClock()
    async with TestServer(application) as fake:
        client = Access((str(fake.make_url("")),)).client()
        before = {"dvc": clock.now() - 93 * DAY, "mail": clock.now() - 31 * DAY, "": clock.now() - 30 * DAY - 5}
        assert await Retention(client, "x", clock).expire(before) == 0
        await client.close()
    assert told == {"logs-vonggac.dvc-x": {"data_retention": "93d"}, "logs-vonggac.other-x": {"data_retention": "31d"}}
