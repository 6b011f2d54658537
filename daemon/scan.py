"""What `vonggac scan` does: rules against files, without any daemon."""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from collector.normalize import Normalizer
from collector.parsers import PARSERS
from collector.recipe import Profile
from correlator.cache import load_or_compile, own_folder
from correlator.match import Matcher
from correlator.scan import scan as apply
from daemon import output
from daemon.scan_files import UnreadableError, records
from model import ConfigError, Event, RawRecord, event_id

_SOURCE = "scan"
_END = 2**62
"""A time after everything: what is still held comes out."""
_HELD = 200_000
"""Records remembered as parts of events still to come; the records of one audit event are never that far apart."""


def scan(rule_paths: Sequence[Path], format_name: str, zone: str, strict: bool, as_json: bool, files: Sequence[str]) -> bool:
    """Print what matches in ``files``; whether all of them could be read. UsageError for a format or zone there is none of.

    ``strict``: an event that does not tell its log source matches no rule that names one.
    """
    understood(format_name, zone)
    matcher = Matcher(_compiled(tuple(rule_paths)), lenient=not strict)
    for refusal in matcher.refused:
        click.echo(f"vonggac: refused: {output.clean(str(refusal), 500)}", err=True)
    counts: Counter[tuple[str, str]] = Counter()
    started, read, failed = time.monotonic(), 0, 0
    write = sys.stdout.buffer.write
    for file in files:
        events = Events(file, format_name, zone)
        try:
            with _watched(file, events) as shown:
                for row in apply(matcher, file, shown):
                    if as_json:
                        write(msgspec.json.encode(row) + b"\n")
                    counts[row.title, row.level] += 1
        except UnreadableError as error:
            click.echo(f"vonggac: {output.clean(str(error), 500)}", err=True)
            failed += 1
        read += events.count
    sys.stdout.flush()
    if not as_json:
        _table(counts, read, time.monotonic() - started)
    return not failed


def understood(format_name: str, zone: str) -> None:
    """UsageError, with what there is, unless both are known."""
    if format_name != "auto" and format_name not in PARSERS:
        raise click.BadParameter(f"no such format; there are: auto, {', '.join(sorted(PARSERS))}", param_hint="--format")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(f"no such time zone: {zone}; write it like Asia/Ho_Chi_Minh", param_hint="--zone") from None


class Events:
    """(number of its record, event) for every event of a file. A joined event has the number of its first record.

    ``count`` is how many records were read so far.
    """

    def __init__(self, file: str, format_name: str = "auto", zone: str = "Asia/Ho_Chi_Minh") -> None:
        self.count = 0
        self._file = file
        self._understanding = Normalizer({_SOURCE: Profile(_SOURCE, format_name, zone)}, ())

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
                if len(held) > _HELD:
                    del held[next(iter(held))]
            for event in events:
                yield held.pop(event.id, number) if held else number, event
        for event in self._understanding.tick(_END):
            yield held.pop(event.id, self.count), event


def _watched(file: str, events: Events) -> Any:
    """The events with a progress line on a terminal."""
    if not sys.stderr.isatty():
        return nullcontext(events)
    return _Bar(file, events)


class _Bar:
    def __init__(self, file: str, events: Events) -> None:
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


def _own_cache() -> Path | None:
    """The user's own folder for compiled rules; None when it cannot be written."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vonggac"
        own_folder(folder)
    except (ConfigError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None


def _compiled(paths: tuple[Path, ...]) -> Any:
    kept = _own_cache()
    if kept is not None:
        return _compiled_in(kept, paths)
    with tempfile.TemporaryDirectory(prefix="vonggac-") as once:
        return _compiled_in(Path(once), paths)


def _compiled_in(cache: Path, paths: tuple[Path, ...]) -> Any:
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
