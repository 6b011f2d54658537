"""File → alert: Windows events in a file, every SigmaHQ rule loaded, read by a whole house to matched and stored."""

import asyncio
from pathlib import Path
from statistics import median

from bench import inputs, watch
from bench.house import House
from bench.report import Row, Section, at_least

GOAL, NEXT_GOAL = 20_000, 40_000
NAME, TITLE = "file", "File → alert, all rules of SigmaHQ beside our own"


def run(folder: Path, quick: bool) -> Section:
    """Three runs (one when ``quick``), each in a new house."""
    if reason := inputs.missing():
        return Section(NAME, TITLE, (), skipped=reason)
    events, size = inputs.write_windows(folder / "events.jsonl", 150_000 if quick else 400_000)
    rates, costs, alerts = [], [], 0
    for number in range(1 if quick else 3):
        rate, cost, alerts = asyncio.run(once(folder / f"house{number}", folder / "events.jsonl", events))
        rates.append(rate)
        costs.append(cost)
    rows = (
        at_least("read, matched and stored", median(rates), GOAL, "events/s"),
        Row("the same, the next goal", f"{median(rates):,.0f} events/s", f"≥ {NEXT_GOAL:,} events/s", median(rates) >= NEXT_GOAL),
        *(Row(f"processor, `{role}`", f"{median(c[role] for c in costs):.1f} µs an event") for role in watch.WORKERS),
        Row("alerts, revisions not counted", f"{alerts:,}"),
    )
    note = (
        f"{events:,} events of {size / events:,.0f} bytes; the file appears where it is followed once everything is ready; "
        f"runs: {', '.join(f'{r:,.0f}' for r in rates)} events/s"
    )
    return Section(NAME, TITLE, rows, (note,))


async def once(folder: Path, file: Path, events: int) -> tuple[float, dict[str, float], int]:
    """(events/s, µs of processor an event by role, alerts)."""
    (folder / "logs").mkdir(parents=True)
    files = {"windows": {"paths": [str(folder / "logs/*.jsonl")]}}
    house = House(folder, files=files, rules=inputs.all_rules())
    async with watch.started(house):
        async with watch.watching(house) as watching:
            before = watch.costs(house)
            watching.begin()
            (folder / "logs/events.jsonl").hardlink_to(file)
            seen = await watching.until(events, 300)
            cost = {role: (spent - before[role]) / events * 1e6 for role, spent in watch.costs(house).items()}
        alerts = await asyncio.to_thread(house.get, "/api/v1/overview")
        return watch.rate(seen, events)[0], cost, alerts["alerts"]
