"""The parts alone, one core each: parsing by format, rules, log, event store."""

import asyncio
from pathlib import Path

from bench import parse, sigma, store
from bench.report import Row, Section

NAME, TITLE = "parts", "The parts alone"


def run(folder: Path, quick: bool) -> Section:
    """Medians, one part after the other."""
    rows = [
        Row(f"bytes → event: {name}", f"{rate:,.0f} events/s ({1e6 / rate:.1f} µs)")
        for name, rate in parse.run(1_000 if quick else 4_000, 3 if quick else 5)
    ]
    rows += [
        Row(f"rules: {r.what}", f"{r.value:,.{1 if r.value < 100 else 0}f} {r.unit}".strip())
        for r in sigma.run(1 if quick else 3)
    ]
    rows += [Row(f"backbone: {what}", value) for what, value in asyncio.run(store.run(folder, 60_000 if quick else 300_000))]
    return Section(NAME, TITLE, tuple(rows))
