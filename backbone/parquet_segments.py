"""Segments on the disk: written whole or not at all, one day of event time each, small ones merged into larger.

A file is written under a temporary name, synced, renamed, and its folder synced, before the manifest names it. What a killed
writer leaves behind is therefore never named, and ``sweep`` removes it.
"""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from backbone.parquet_columns import DICTIONARIES, SCHEMA, STATISTICS, listed
from backbone.parquet_manifest import Segment
from backbone.sqlite_file import sync_folder
from model import BackboneError, FullError
from model.moment import DAY, to_datetime

ROW_GROUP: Final = 10_000
"""Events a row group: what one merge or one look-up holds in memory (about 25 MB)."""
GROUP_BYTES: Final = 24 << 20
FLUSH_BYTES: Final = 48 << 20
"""Bytes of events, as columns, that one row group and one flush hold, however long the events are."""
PAGE: Final = 128 << 10
"""Bytes of a page: what a look-up unpacks for one event. Of the default (1 MB) a scattered page of results took twice as long."""
SHARE: Final = 4
"""A day gets a file of its own for one part in so many of a flush's events; what is left goes to one folder together, so that
neither old logs read in nor false times can make a file each."""
SCATTERED: Final = "scattered"
_ROOM: Final = 4 << 20


def write(folder: Path, events: pyarrow.Table) -> tuple[Segment, ...]:
    """Write the events out, one segment a day. FullError when there is no room, and then nothing is left behind."""
    written: list[Segment] = []
    try:
        for day, part in _days(events):
            written.append(_write(folder, day, part.schema, [part]))
    except BaseException:
        for segment in written:
            (folder / segment.file).unlink(missing_ok=True)
        raise
    return tuple(written)


def merge(folder: Path, segments: Sequence[Segment]) -> Segment:
    """One segment with the events of all, in their order; holds one row group in memory at a time."""
    ordered = sorted(segments, key=lambda s: s.first)
    return _write(folder, ordered[0].file.split("/")[0], SCHEMA, _row_groups(folder, ordered))


def _row_groups(folder: Path, segments: Sequence[Segment]) -> Iterator[pyarrow.Table]:
    held: list[pyarrow.Table] = []
    rows = 0
    for segment in segments:
        with parquet.ParquetFile(folder / segment.file) as file:
            for number in range(file.num_row_groups):
                group = file.read_row_group(number).cast(SCHEMA)
                if held and (rows + group.num_rows > ROW_GROUP or sum(part.nbytes for part in held) + group.nbytes > GROUP_BYTES):
                    yield pyarrow.concat_tables(held)
                    held, rows = [], 0
                held.append(group)
                rows += group.num_rows
    if held:
        yield pyarrow.concat_tables(held)


def _days(events: pyarrow.Table) -> Iterator[tuple[str, pyarrow.Table]]:
    """(folder name, events) by UTC day of event time, at most SHARE + 1 parts."""
    # Integer division truncates towards zero: one shared folder for the second around 1970 does no harm.
    days = compute.divide(events["happened_at"], DAY)
    counts = sorted(compute.value_counts(days).to_pylist(), key=lambda c: -c["counts"])
    if len(counts) == 1:
        yield _name(counts[0]["values"]), events
        return
    rest: list[int] = []
    for count in counts:
        if count["counts"] * SHARE >= events.num_rows:
            yield _name(count["values"]), events.filter(compute.equal(days, count["values"]))
        else:
            rest.append(count["values"])
    if rest:
        yield SCATTERED, events.filter(compute.is_in(days, pyarrow.array(rest)))


def _name(day: int) -> str:
    return to_datetime(day * DAY).strftime("%Y-%m-%d")


def _write(folder: Path, day: str, schema: pyarrow.Schema, parts: Sequence[pyarrow.Table] | Iterator[pyarrow.Table]) -> Segment:
    parent = folder / day
    try:
        if not parent.is_dir():
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(folder)
        temporary = parent / f"{uuid.uuid4().hex}.tmp"
        try:
            return _finish(folder, temporary, _fill(temporary, schema, parts))
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        if error.errno == errno.ENOSPC or shutil.disk_usage(folder).free < _ROOM:
            raise FullError(f"No room for events in {folder}; free some disk space or shorten the retention.") from error
        raise BackboneError(f"Events cannot be written to {parent} ({error}); look at the disk and the permissions.") from error


class _Measured:
    """What a segment's rows span, taken while they pass."""

    def __init__(self) -> None:
        self.events = 0
        self.spans: list[dict[str, int]] = []
        self.systems: set[str] = set()
        self.listed: set[str] = set()

    def add(self, part: pyarrow.Table) -> None:
        self.events += part.num_rows
        kept = compute.min_element_wise(part["happened_at"], part["received_at"])
        span = {
            f"{name}_{edge}": part_edge for name in ("offset", "happened_at") for edge, part_edge in _edges(part[name]).items()
        }
        self.spans.append(span | {"kept": compute.max(kept).as_py()})
        self.systems.update(compute.unique(part["system"]).to_pylist())
        self.listed.update(listed(part))


def _edges(column: pyarrow.ChunkedArray) -> dict[str, int]:
    found: dict[str, int] = compute.min_max(column).as_py()
    return found


def _fill(temporary: Path, schema: pyarrow.Schema, parts: Sequence[pyarrow.Table] | Iterator[pyarrow.Table]) -> _Measured:
    measured = _Measured()
    os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    with parquet.ParquetWriter(
        temporary,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=list(DICTIONARIES),
        write_statistics=list(STATISTICS),
        data_page_size=PAGE,
        bloom_filter_options={"id": {"ndv": ROW_GROUP, "fpp": 0.01}},
    ) as writer:
        for part in parts:
            measured.add(part)
            writer.write_table(part, row_group_size=ROW_GROUP)
    return measured


def _finish(folder: Path, temporary: Path, measured: _Measured) -> Segment:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    spans = measured.spans
    first, last = min(s["offset_min"] for s in spans), max(s["offset_max"] for s in spans)
    final = temporary.with_name(f"{first:012}-{last:012}-{temporary.stem[:8]}.parquet")
    temporary.rename(final)
    sync_folder(final.parent)
    return Segment(
        file=str(final.relative_to(folder)),
        sha256=digest,
        size=size,
        events=measured.events,
        first=first,
        last=last,
        oldest=min(s["happened_at_min"] for s in spans),
        newest=max(s["happened_at_max"] for s in spans),
        kept=max(s["kept"] for s in spans),
        systems=tuple(sorted(measured.systems)),
        listed=tuple(sorted(measured.listed)),
    )


def sweep(folder: Path, named: set[str]) -> int:
    """Remove files the manifest does not name, left by a killed writer; return how many."""
    swept = 0
    for path in [*folder.glob("*/*.parquet"), *folder.glob("*/*.tmp")]:
        if str(path.relative_to(folder)) not in named:
            path.unlink(missing_ok=True)
            swept += 1
    return swept


def remove(folder: Path, files: Sequence[str]) -> None:
    """Remove files and the day folders that this leaves empty."""
    for file in files:
        (folder / file).unlink(missing_ok=True)
    for parent in {(folder / file).parent for file in files}:
        try:
            parent.rmdir()
        except OSError:  # not empty, or gone already
            continue
