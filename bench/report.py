"""What a section of the benchmark gives, and how it stands in ``docs/benchmarks.md``.

Each section has its own part of the document, between two marks, so that one can be measured again without the others; what is
written by hand between the parts stays.
"""

import re
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One figure. ``goal`` is empty when it only informs; ``met`` None then."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None


class Section(NamedTuple):
    """``name`` is what the command line calls it; ``notes`` are sentences under the table."""

    name: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    skipped: str = ""


def at_least(what: str, value: float, goal: float, unit: str) -> Row:
    """A row whose ``value`` must not be less than ``goal``."""
    return Row(what, f"{value:,.0f} {unit}", f"≥ {goal:,.0f} {unit}", value >= goal)


def at_most(what: str, value: float, goal: float, unit: str, digits: int = 0) -> Row:
    """A row whose ``value`` must not be more than ``goal``."""
    return Row(what, f"{value:,.{digits}f} {unit}", f"≤ {goal:,.{digits}f} {unit}", value <= goal)


def render(section: Section) -> str:
    """The section's table and notes as Markdown."""
    lines = [f"### {section.title}", ""]
    if section.skipped:
        return "\n".join([*lines, f"Skipped: {section.skipped}."])
    if any(row.goal for row in section.rows):
        lines += ["| what | goal | measured | verdict |", "| --- | ---: | ---: | --- |"]
        lines += [f"| {r.what} | {r.goal} | {r.measured} | {_verdict(r)} |" for r in section.rows]
    else:
        lines += ["| what | measured |", "| --- | ---: |"]
        lines += [f"| {r.what} | {r.measured} |" for r in section.rows]
    if section.notes:
        lines += ["", *(f"- {note}" for note in section.notes)]
    return "\n".join(lines)


def _verdict(row: Row) -> str:
    return "" if row.met is None else "met" if row.met else "**not met**"


def write(document: Path, section: Section, machine: str) -> None:
    """Put the section in its place in ``document``; at the end when it has none yet."""
    begin, end = f"<!-- {section.name} -->", f"<!-- /{section.name} -->"
    part = f"{begin}\n{render(section)}\n\n{machine[:1].upper()}{machine[1:]}.\n{end}"
    text = document.read_text("utf-8") if document.exists() else "# Benchmarks\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = pattern.sub(lambda _: part, text) if pattern.search(text) else f"{text.rstrip()}\n\n{part}\n"
    document.write_text(text, "utf-8")
