"""Syslog TCP → stored and matched: a day in the province at full speed over several connections, nothing lost."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pyarrow.compute as compute
import pyarrow.parquet as parquet

from bench import inputs, watch
from bench.house import House
from bench.report import Row, Section, at_least

GOAL = 15_000
CONNECTIONS = 8
NAME, TITLE = "syslog", "Syslog TCP → stored and matched, a day in the province"


def run(folder: Path, quick: bool) -> Section:
    """Three runs (one when ``quick``), each in a new house; the lines are made beforehand."""
    lines = inputs.day_lines(1.0 if quick else 4.0)
    rates, costs, kept = [], [], []
    for number in range(1 if quick else 3):
        rate, cost, events = asyncio.run(once(folder / f"house{number}", lines))
        rates.append(rate)
        costs.append(cost)
        kept.append(events)
    worst = min(kept)
    rows = (
        at_least("received, matched and stored", median(rates), GOAL, "lines/s"),
        Row("lines sent and not stored", f"{len(lines) - worst:,} of {len(lines):,}", "0", worst == len(lines)),
        *(Row(f"processor, `{role}`", f"{median(c[role] for c in costs):.1f} µs a line") for role in watch.WORKERS),
    )
    size = sum(map(len, lines)) / len(lines)
    note = (
        f"{len(lines):,} lines of {size:,.0f} bytes, LF between them, over {CONNECTIONS} connections; our own rules "
        f"and SigmaHQ's where they are there; runs: {', '.join(f'{r:,.0f}' for r in rates)} lines/s"
    )
    return Section(NAME, TITLE, rows, (note,))


async def once(folder: Path, lines: Sequence[bytes]) -> tuple[float, dict[str, float], int]:
    """(lines/s, µs of processor a line by role, lines stored)."""
    parts = [b"\n".join(lines[n::CONNECTIONS]) + b"\n" for n in range(CONNECTIONS)]
    house = House(folder, rules=inputs.all_rules())
    async with watch.started(house), watch.watching(house) as watching:
        before = watch.costs(house)
        watching.begin()
        sending = [asyncio.create_task(_send(house.syslog, part)) for part in parts]
        seen = await watching.until_quiet(300)
        await asyncio.gather(*sending)
        cost = {role: (spent - before[role]) / len(lines) * 1e6 for role, spent in watch.costs(house).items()}
    stored = lines_of(house.home / "events")
    # What audit events wait for the rest of them is not waited for here.
    events = int(seen[-1].logged * 0.995)
    return watch.rate(seen, events)[0] * len(lines) / seen[-1].logged, cost, stored


def lines_of(folder: Path) -> int:
    """How many lines the events of a store were made of: one each, but audit records of one event are joined, a line each."""
    tables = [parquet.read_table(file, columns=["original"]) for file in folder.glob("*/*.parquet")]
    return sum(table.num_rows + compute.sum(compute.count_substring(table["original"], "\n")).as_py() for table in tables)


async def _send(port: int, content: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    for start in range(0, len(content), 1 << 16):
        writer.write(content[start : start + (1 << 16)])
        await writer.drain()
    writer.close()
    await writer.wait_closed()
