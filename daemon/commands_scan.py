"""`vonggac scan`: rules against files, without any daemon."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from collector.normalize import Normalizer
from collector.parsers import PARSERS
from collector.recipe import Profile
from correlator.cache import load_or_compile
from correlator.match import Matcher
from correlator.scan import scan as apply
from daemon import output
from daemon.scan_files import UnreadableError, records
from model import Event, RawRecord, event_id
from model.moment import HOUR

_SOURCE = "scan"


@click.command()
@click.option(
    "--rules",
    "rule_paths",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    required=True,
    help="Rule file, folder or release zip; may be given several times.",
)
@click.option("--format", "format_name", default="auto", help="Format of the records; found out per record when not given.")
@click.option("--zone", default="Asia/Ho_Chi_Minh", show_default=True, help="Time zone of times that name none.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a match instead of a table.")
@click.argument("files", nargs=-1, required=True)
def scan(rule_paths: tuple[Path, ...], format_name: str, zone: str, as_json: bool, files: tuple[str, ...]) -> None:
    """Apply Sigma rules to FILES (`-` is standard input) and print what matches.

    Reads JSON lines, JSON documents, syslog, access logs, EVTX and every other format of docs/taxonomy.md, gzip too. Rules that
    cannot run are listed on standard error. Exit code 1 when a file could not be read.
    """
    if format_name != "auto" and format_name not in PARSERS:
        raise click.BadParameter(f"no such format; there are: auto, {', '.join(sorted(PARSERS))}", param_hint="--format")
    matcher = Matcher(_compiled(rule_paths))
    for refusal in matcher.refused:
        click.echo(f"vonggac: refused: {refusal}", err=True)
    counts: Counter[tuple[str, str]] = Counter()
    failed = 0
    started, read = time.monotonic(), 0
    write = sys.stdout.buffer.write
    for file in files:
        understanding = Normalizer({_SOURCE: Profile(_SOURCE, format_name, zone)}, ())
        events = _events(file, understanding)
        try:
            with _watched(file, events) as shown:
                for row in apply(matcher, file, shown):
                    if as_json:
                        write(msgspec.json.encode(row) + b"\n")
                    counts[row.title, row.level] += 1
        except UnreadableError as error:
            click.echo(f"vonggac: {error}", err=True)
            failed += 1
        read += events.count
    sys.stdout.flush()
    if not as_json:
        _table(counts, read, time.monotonic() - started)
    sys.exit(1 if failed else 0)


class _events:
    """(number of its record, event) for every event of a file. A joined event has the number of its first record."""

    def __init__(self, file: str, understanding: Normalizer) -> None:
        self.count = 0
        self._file, self._understanding = file, understanding

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        understand, held = self._understanding.understand, dict[str, int]()
        now = time.time_ns() // 1000
        for number, data in enumerate(records(self._file), 1):
            self.count = number
            if not data:
                continue
            cursor = str(number)
            events = understand(RawRecord(_SOURCE, cursor, data, now))
            if not events:
                held[event_id(_SOURCE, cursor)] = number
            for event in events:
                yield held.pop(event.id, number) if held else number, event
        for event in self._understanding.tick(now + HOUR):
            yield held.pop(event.id, self.count), event


def _watched(file: str, events: _events) -> Any:
    """The events with a progress line on a terminal."""
    if not sys.stderr.isatty():
        return nullcontext(events)
    return _Bar(file, events)


class _Bar:
    def __init__(self, file: str, events: _events) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[read]}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._file, self._events = file, events

    def __enter__(self) -> Iterator[tuple[int, Event]]:
        self._progress.start()
        self._task = self._progress.add_task(os.path.basename(self._file), total=None, read="")  # noqa: PTH119 - may be `-`
        return self._each()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _each(self) -> Iterator[tuple[int, Event]]:
        for place, found in enumerate(self._events):
            if place % 2000 == 0:
                self._progress.update(self._task, read=f"{self._events.count:,} records")
            yield found


def _compiled(paths: tuple[Path, ...]) -> Any:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vonggac"
    if not sys.stderr.isatty():
        return load_or_compile(paths, cache)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(f"rules: {what}", total=total)
            bar.update(tasks[what], completed=done, total=total)

        return load_or_compile(paths, cache, progress)


def _table(counts: Counter[tuple[str, str]], read: int, seconds: float) -> None:
    output.table(
        f"{sum(counts.values()):,} matches of {len(counts)} rules in {read:,} records, {seconds:.1f} s",
        ("level", "matches", "rule"),
        ((level, f"{count:,}", title) for (title, level), count in counts.most_common()),
        lambda row: output.LEVEL_STYLE.get(row[0], ""),
        f"Không luật nào khớp · No rule matches any of {read:,} records.",
    )
