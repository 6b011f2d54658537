"""Syslog TCP → stored and matched: a day in the province at full speed over several connections, nothing lost."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import inputs, watch
from bench.house import House
from bench.report import Row, Section, at_least

GOAL = 15_000
CONNECTIONS = 8
NAME, TITLE = "syslog", "Syslog TCP → stored and matched, a day in the province"


def run(folder: Path, quick: bool) -> Section:
    """Three runs (one when ``quick``), each in a new house; the lines are made beforehand."""
    lines = inputs.day_lines(1.0 if quick else 3.0)
    # The day again until the run is long enough; receivers tell records apart by position, not by content.
    lines *= -(-(100_000 if quick else 300_000) // len(lines))
    rates, costs, kept = [], [], []
    for number in range(1 if quick else 3):
        rate, cost, events = asyncio.run(once(folder / f"house{number}", lines))
        rates.append(rate)
        costs.append(cost)
        kept.append(events)
    worst = min(kept)
    rows = (
        at_least("received, matched and stored", median(rates), GOAL, "events/s"),
        Row("lines sent and not stored", f"{len(lines) - worst:,} of {len(lines):,}", "0", worst == len(lines)),
        *(Row(f"processor, `{role}`", f"{median(c[role] for c in costs):.1f} µs an event") for role in ("collect", "correlate")),
    )
    size = sum(map(len, lines)) / len(lines)
    note = (
        f"{len(lines):,} lines of {size:,.0f} bytes, LF between them, over {CONNECTIONS} connections; our own rules "
        f"and SigmaHQ's where they are there; runs: {', '.join(f'{r:,.0f}' for r in rates)} events/s"
    )
    return Section(NAME, TITLE, rows, (note,))


async def once(folder: Path, lines: Sequence[bytes]) -> tuple[float, dict[str, float], int]:
    """(events/s, µs of processor an event by role, events stored)."""
    parts = [b"\n".join(lines[n::CONNECTIONS]) + b"\n" for n in range(CONNECTIONS)]
    house = House(folder, rules=inputs.all_rules())
    async with watch.started(house):
        async with watch.watching(house) as watching:
            before = watch.costs(house)
            watching.begin()
            sending = [asyncio.create_task(_send(house.syslog, part)) for part in parts]
            seen = await watching.until(len(lines), 300)
            await asyncio.gather(*sending)
            cost = {role: (spent - before[role]) / len(lines) * 1e6 for role, spent in watch.costs(house).items()}
        found = await asyncio.to_thread(house.get, "/api/v1/events?limit=1")
        return watch.rate(seen, len(lines))[0], cost, min(seen[-1].stored, found["total"])


async def _send(port: int, content: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    for start in range(0, len(content), 1 << 16):
        writer.write(content[start : start + (1 << 16)])
        await writer.drain()
    writer.close()
    await writer.wait_closed()
