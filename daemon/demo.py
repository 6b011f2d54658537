"""What `vonggac demo` does: everything, and a day in the province replayed through it."""

import asyncio
import datetime as dt
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import click
import msgspec
import yaml
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backbone.codec import decode_delivery, decode_incident
from daemon import keys, output
from daemon.lines import read
from daemon.load import Configuration, load
from daemon.replay import Replay
from daemon.running import greeting, prepare, running
from daemon.wiring import reading
from model import ConfigError, Micros
from model.moment import DAY, VIETNAM, from_datetime, from_rfc3339, to_local
from model.view import incident_view
from province.day import Day
from province.line import Line
from province.places import FILES

_TLS_FILES = ("certificate", "key", "client_ca")
SETTLE = 60.0
"""Seconds to wait at the end for the last incident to be delivered."""


class Progressed(msgspec.Struct, frozen=True):
    """How far the replay of one home has come: enough to go on after a stop."""

    seed: int
    date: Micros
    scale: float
    sent: int
    done: bool = False


def demo(config_file: Path, seed: int, scale: float, speed: float, leave: bool) -> None:
    """Start everything, replay yesterday as invented by ``seed``; ``leave``: stop when it is over.

    ``scale`` 1.0 is about 120,000 lines; ``speed`` is times real time, 0 as fast as it goes.
    """
    asyncio.run(_demo(config_file, Progressed(seed, _yesterday(), scale, 0), speed, leave))


async def _demo(config_file: Path, wanted: Progressed, speed: float, leave: bool) -> None:
    begun = time.monotonic()
    configuration = load(_with_files(load(config_file)))
    position = configuration.home / "demo/position.json"
    progress = _resume(position, wanted)
    async with running(configuration, lambda text: click.echo(text, err=True)) as supervisor:
        if not supervisor.stop.is_set():
            click.echo(greeting(configuration, time.monotonic() - begun) + "\n")
            if progress.done:
                day = to_local(progress.date)[:10]
                click.echo(f"{day} was replayed here before; set another VONGGAC_HOME to see one again.")
            else:
                progress = await _replay(configuration, progress, speed, position, supervisor.stop)
            if progress.done:
                await _summary(configuration, supervisor.stop)
        if not leave:
            await supervisor.stop.wait()
        click.echo("Đang dừng · stopping …")
    click.echo("Đã dừng · stopped.")


async def _replay(
    configuration: Configuration, progress: Progressed, speed: float, position: Path, stop: asyncio.Event
) -> Progressed:
    day = Day(progress.seed, progress.date, progress.scale)
    total = await asyncio.to_thread(lambda: sum(1 for _ in day))
    lines = islice(iter(day), progress.sent, None)
    key = keys.read_token(configuration.home / "keys/ingest.key").reveal()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("lines"), TimeElapsedColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("Một ngày của tỉnh · a day in the province", total=total, completed=progress.sent)

        def sent(count: int, last: Line) -> None:
            bar.update(task, completed=progress.sent + count, description=f"Một ngày của tỉnh · {to_local(last.at)[11:16]}")
            _write(position, msgspec.structs.replace(progress, sent=progress.sent + count))

        async with Replay(configuration, key, configuration.home / "demo") as replay:
            count = await replay.run(lines, speed, sent, stop)
    after = msgspec.structs.replace(progress, sent=progress.sent + count, done=progress.sent + count >= total)
    _write(position, after)
    return after


async def _summary(configuration: Configuration, stop: asyncio.Event) -> None:
    """Wait until nothing waits for delivery any more, then show the incidents."""
    rows: list[dict[str, Any]] = []
    calm, deadline = 0, time.monotonic() + SETTLE
    while calm < 4 and time.monotonic() < deadline and not stop.is_set():
        before = rows
        rows = await _incidents(configuration)
        settled = bool(rows) and len(rows) == len(before) and all(r["delivery"] != "waiting" for r in rows)
        calm = calm + 1 if settled else 0
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
    output.table(
        "Sự cố của ngày · Incidents of the day",
        ("first seen", "severity", "title", "systems", "alerts", "national id"),
        (
            (
                to_local(from_rfc3339(r["first_at"])),
                r["severity"],
                output.half(r["title"]),
                ", ".join(r["systems"]),
                str(len(r["alerts"])),
                r["national_id"] or r["delivery"],
            )
            for r in sorted(rows, key=lambda r: str(r["first_at"]))
        ),
        lambda row: output.SEVERITY_STYLE[row[1]],
        "No incident came of it: `vonggac doctor` looks for the reason.",
    )


async def _incidents(configuration: Configuration) -> list[dict[str, Any]]:
    async with reading.reading_state(configuration) as state:
        rows = []
        for entry in await state.newest("incidents", limit=200):
            delivery = await state.get("outbox", entry.key)
            rows.append(incident_view(decode_incident(entry.value), decode_delivery(delivery.value) if delivery else None))
        return rows


def _resume(position: Path, wanted: Progressed) -> Progressed:
    try:
        kept = msgspec.json.decode(position.read_bytes(), type=Progressed)
    except FileNotFoundError:
        return wanted
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{position}: not a replay's position ({error}); remove the file to replay from the beginning"
        ) from None
    if not kept.done and (kept.seed, kept.scale) != (wanted.seed, wanted.scale):
        unfinished = f"a replay with --seed {kept.seed} --scale {kept.scale} is not finished here"
        raise ConfigError(f"{position}: {unfinished}; go on with these, or set VONGGAC_HOME")
    return kept


def _write(position: Path, progress: Progressed) -> None:
    temporary = position.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(progress))
    temporary.replace(position)


def _with_files(configuration: Configuration) -> Path:
    """A settings file like the given one, with the day's log files as further sources and paths made absolute."""
    prepare(configuration)
    folder = keys.private_folder(configuration.home / "demo")
    document, _ = read(configuration.file)
    settings = configuration.settings
    taken = {source.name for source in settings.collector.sources}
    _absolute(document, configuration)
    document.setdefault("correlator", {}).update({"silence_by_wall_clock": False, "lateness": "30m"})
    for name, file in FILES.items():
        (folder / f"{name}.log").touch(0o600)
        if f"demo-{name}" in taken:
            continue
        source: dict[str, Any] = {"name": f"demo-{name}", "type": "file", "format": file.format, "system": file.system}
        source |= {"host": file.host, "paths": [str(folder / f"{name}.log")], "rescan": "200ms"}
        if file.logsource is not None:
            source["logsource"] = {
                k: list(v) if isinstance(v, tuple) else v for k, v in msgspec.structs.asdict(file.logsource).items()
            }
        document["collector"]["sources"].append(source)
    made = folder / "demo.yml"
    made.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "utf-8")
    return made


def _absolute(document: dict[str, Any], configuration: Configuration) -> None:
    """Paths that start at the settings' folder, made to start anywhere; its own legal profiles and ECS tables come along."""
    document["home"] = str(configuration.home)
    document["systems"] = str(configuration.path(configuration.settings.systems))
    document.setdefault("rules", {})["paths"] = [str(p) for p in configuration.rule_paths]
    link = document.get("notifier", {}).get("national", {})
    for section, names in ((link, ("key_file",)), *((s, _TLS_FILES) for s in document["collector"]["sources"])):
        for name in names:
            if section.get(name):
                section[name] = str(configuration.path(section[name]))
    for name in ("legal", "ecs"):
        own, here = configuration.folder / name, configuration.home / "demo" / name
        here.unlink(missing_ok=True)
        if own.is_dir():
            here.symlink_to(own)


def _yesterday() -> Micros:
    today = dt.datetime.now(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    return from_datetime(today) - DAY
