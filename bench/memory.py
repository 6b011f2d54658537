"""Memory of the whole embedded system with all SigmaHQ rules: idle, at its highest under load, and after it."""

import asyncio
import time
from pathlib import Path

from bench import inputs, watch
from bench.house import House
from bench.report import Row, Section, at_most

GOAL = 1024
NAME, TITLE = "memory", "Memory of the whole embedded system, all rules of SigmaHQ loaded"
Sums = dict[str, tuple[float, float]]


def run(folder: Path, quick: bool) -> Section:
    """Half a million Windows events (100,000 when ``quick``)."""
    if reason := inputs.missing():
        return Section(NAME, TITLE, (), skipped=reason)
    events, _ = inputs.write_windows(folder / "events.jsonl", 100_000 if quick else 500_000)
    idle, highest, after = asyncio.run(measure(folder / "house", folder / "events.jsonl", events))
    rows = [
        at_most("idle, PSS of all processes", _total(idle), GOAL, "MiB"),
        at_most(f"highest while {events:,} events came at full speed, PSS", _total(highest), GOAL, "MiB"),
        at_most("after them, PSS", _total(after), GOAL, "MiB"),
        Row(
            "after them, RSS (pages that processes share are counted once for each)",
            f"{sum(r for _, r in after.values()):,.0f} MiB",
        ),
    ]
    rows += [
        Row(f"`{role}`: idle, highest, after (PSS)", f"{idle[role][0]:,.0f}, {p:,.0f}, {after[role][0]:,.0f} MiB")
        for role, (p, _) in highest.items()
    ]
    return Section(NAME, TITLE, tuple(rows), ("highest: of the sums taken twice a second",))


def _total(found: Sums) -> float:
    return sum(pss for pss, _ in found.values())


async def measure(folder: Path, file: Path, events: int) -> tuple[Sums, Sums, Sums]:
    """(PSS, RSS) in MiB by role: idle, highest, after."""
    (folder / "logs").mkdir(parents=True)
    house = House(folder, files={"windows": {"paths": [str(folder / "logs/*.jsonl")]}}, rules=inputs.all_rules())
    async with watch.started(house):
        await asyncio.sleep(5.0)
        idle = highest = watch.memory(house)
        async with watch.watching(house) as watching:
            (folder / "logs/events.jsonl").hardlink_to(file)
            begun = time.monotonic()
            while min((await watching.look())[1:]) < events:
                if time.monotonic() - begun > 600:
                    raise TimeoutError(f"after 10 minutes: {await watching.look()} of {events}")
                now = watch.memory(house)
                highest = max(highest, now, key=_total)
                await asyncio.sleep(0.5)
        await asyncio.sleep(5.0)
        return idle, highest, watch.memory(house)
