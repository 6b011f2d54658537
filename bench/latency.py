"""Log line → alert visible through the console's API, while 1,000 events a second come in beside."""

import asyncio
import time
from itertools import count
from pathlib import Path
from statistics import quantiles

import aiohttp

from bench import inputs, watch
from bench.house import House
from bench.report import Row, Section, at_most
from province.endless import Endless

RATE = 1_000
PROBES = 5
GOAL = 1_000
NAME, TITLE = "latency", "Log line → alert visible through the API, at 1,000 events/s"


def run(folder: Path, quick: bool) -> Section:
    """A minute (15 s when ``quick``) of probes after 5 s of warming up."""
    took, sent, background = asyncio.run(measure(folder / "house", 15 if quick else 60))
    steps = quantiles(took, n=100)
    rows = (
        at_most("sent → shown, 99th percentile", steps[98], GOAL, "ms"),
        Row("sent → shown, median", f"{steps[49]:,.0f} ms"),
        Row("sent → shown, slowest", f"{max(took):,.0f} ms"),
        Row("probes that raised no alert", f"{sent - len(took)} of {sent}", "0", sent == len(took)),
    )
    note = (
        f"{PROBES} probes a second over syslog TCP, each on a machine never seen before, so each a new alert and incident; "
        f"the time ends when the console's stream of server-sent events shows the alert; beside them {background:,.0f} events/s"
    )
    return Section(NAME, TITLE, rows, (note,))


async def measure(folder: Path, seconds: float) -> tuple[list[float], int, float]:
    """(ms of each probe that came through, probes sent, events/s sent beside them)."""
    house = House(folder, rules=inputs.all_rules())
    async with watch.started(house):
        sent, shown = dict[str, float](), dict[str, float]()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {house.key('console')}"}) as client:
            stop = asyncio.Event()
            listening = asyncio.create_task(_listen(client, house.console, shown))
            loading = asyncio.create_task(_load(house.syslog, stop))
            await asyncio.sleep(5.0)
            await _probe(house.syslog, seconds, sent)
            for _ in range(100):
                if len(shown) >= len(sent):
                    break
                await asyncio.sleep(0.1)
            stop.set()
            lines, took = await loading
            listening.cancel()
        return [(shown[name] - at) * 1000 for name, at in sent.items() if name in shown], len(sent), lines / took


async def _load(port: int, stop: asyncio.Event) -> tuple[int, float]:
    """RATE lines a second, in parts of 20 ms; (lines, seconds)."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    texts, lines, begun = Endless(3, time.time_ns() // 1000, RATE, channels=("syslog",)).texts(), 0, time.perf_counter()
    while not stop.is_set():
        due = int((time.perf_counter() - begun) * RATE)
        writer.write("".join(f"{next(texts)}\n" for _ in range(due - lines)).encode())
        lines = max(lines, due)
        await writer.drain()
        await asyncio.sleep(0.02)
    writer.close()
    return lines, time.perf_counter() - begun


async def _probe(port: int, seconds: float, sent: dict[str, float]) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    begun = time.perf_counter()
    for number in count():
        await asyncio.sleep(max(0.0, begun + number / PROBES - time.perf_counter()))
        if time.perf_counter() - begun >= seconds:
            break
        name = f"probe-{number:06d}"
        said = f"user{number} : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/systemctl stop auditd"
        sent[name] = time.perf_counter()
        writer.write(f"<85>1 - {name} sudo - - - {said}\n".encode())
        await writer.drain()
    writer.close()


async def _listen(client: aiohttp.ClientSession, port: int, shown: dict[str, float]) -> None:
    """Note when the name of a probe's machine first comes by in a message about an alert."""
    async with client.get(f"http://127.0.0.1:{port}/api/v1/stream", timeout=aiohttp.ClientTimeout(total=None)) as answer:
        kind = b""
        async for line in answer.content:
            if line.startswith(b"event: "):
                kind = line.strip()
            elif kind == b"event: alert" and (place := line.find(b"probe-")) >= 0:
                shown.setdefault(line[place : place + 12].decode(), time.perf_counter())
