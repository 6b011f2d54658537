"""What commands print: a table for people, JSON lines for programs."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

LEVEL_STYLE = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "informational": "dim"}
SEVERITY_STYLE = {"M1": "bold red", "M2": "red", "M3": "yellow", "M4": "dim"}
_CONTROL = (
    {c: f"\\x{c:02x}" for c in (*range(32), *range(127, 160))}
    | {0x202A + i: "" for i in range(5)}
    | {0x2066 + i: "" for i in range(4)}
)


def clean(text: str, limit: int = 200) -> str:
    """``text`` without anything that moves a terminal's cursor or turns its reading order, cut at ``limit``."""
    shown = text[: limit + 1].translate(_CONTROL)
    return shown[:limit] + "…" if len(shown) > limit else shown


def lines(rows: Iterable[dict[str, Any]]) -> None:
    """One JSON object a line on standard output."""
    write = sys.stdout.buffer.write
    for row in rows:
        write(msgspec.json.encode(row) + b"\n")
    sys.stdout.flush()


def half(text: str) -> str:
    """The Vietnamese half of a ``tiếng Việt / English`` text where the person's locale is Vietnamese, else the English one."""
    vi, mark, en = text.partition(" / ")
    return vi if not mark or vietnamese() else en


def vietnamese() -> bool:
    """Whether the person at the terminal reads Vietnamese (LC_ALL, LC_MESSAGES, LANG)."""
    return next((v for n in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(n))), "").lower().startswith("vi")


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], style: Callable[[Sequence[str]], str], empty: str
) -> None:
    """A table on standard output; ``empty`` says what to do when there is nothing to show."""
    made = [tuple(row) for row in rows]
    if not made:
        click.echo(empty)
        return
    shown = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for column in columns:
        shown.add_column(column, overflow="fold", no_wrap=column in ("id", "level", "severity"))
    for row in made:
        shown.add_row(*(escape(clean(cell)) for cell in row), style=style(row))
    Console(width=None if sys.stdout.isatty() else 160).print(shown)
