"""`vonggac alerts`, `incidents`, `events`: what is kept, newest first. They read the stores; no daemon has to run."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from backbone.codec import decode_alert, decode_delivery, decode_incident
from backbone.ports import Search
from daemon import options, output
from daemon.load import load
from daemon.units import duration
from daemon.wiring import reading
from model import LEVELS, Level, Micros, rank
from model.moment import from_rfc3339, to_local
from model.view import alert_view, event_view, incident_view

PAGE = 5_000
"""Events asked of the store at once."""


class When(click.ParamType[Micros]):
    """``2h`` ago, or an RFC 3339 time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Micros:
        if isinstance(value, int):
            return value
        try:
            if re.fullmatch(r"\d+\s?[a-z]+", value):
                ago: Micros = duration(value)
                return int(time.time() * 1_000_000) - ago
            return from_rfc3339(value)
        except ValueError:
            self.fail(f"{value!r} is neither an age like 30m, 2h, 7d nor a time like 2026-11-21T08:00:00Z", param, ctx)


LIMIT = click.option("--limit", "-n", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="Most rows.")
SINCE = click.option("--since", type=When(), default=0, help="Only newer ones: an age (30m, 2h, 7d) or a time.")


@click.command()
@options.config
@options.as_json
@LIMIT
@SINCE
@click.option("--level", type=click.Choice(LEVELS), default="informational", help="Mildest level shown.")
@click.option("--id", "one", default="", help="Only the alert with this id.")
def alerts(config_file: Path, as_json: bool, limit: int, since: Micros, level: Level, one: str) -> None:
    """Alerts, newest first, with the four times: happened, received, stored, detected."""
    rows = asyncio.run(_alerts(config_file, limit, since, rank(level), one))
    if as_json:
        return output.lines(rows)
    output.table(
        f"Cảnh báo · Alerts ({len(rows)})",
        ("detected", "level", "title", "entities", "systems", "count", "happened", "id"),
        (
            (
                to_local(from_rfc3339(r["detected_at"])),
                r["level"],
                (r["title_vi"] if output.vietnamese() else "") or r["title"],
                ", ".join(f"{e['kind']} {e['value']}" for e in r["entities"]),
                ", ".join(r["systems"]),
                str(r["count"]),
                to_local(from_rfc3339(r["happened_at"])),
                r["id"],
            )
            for r in rows
        ),
        lambda row: output.LEVEL_STYLE[row[1]],
        "Chưa có cảnh báo nào. No alert yet: send a log line (`vonggac run` shows how) or replay a day with `vonggac demo`.",
    )


@click.command()
@options.config
@options.as_json
@LIMIT
@SINCE
def incidents(config_file: Path, as_json: bool, limit: int, since: Micros) -> None:
    """Incidents, newest first, with what the national side answered."""
    rows = asyncio.run(_incidents(config_file, limit, since))
    if as_json:
        return output.lines(rows)
    output.table(
        f"Sự cố · Incidents ({len(rows)})",
        ("detected", "severity", "title", "systems", "alerts", "delivery", "national id"),
        (
            (
                to_local(from_rfc3339(r["detected_at"])),
                r["severity"],
                output.half(r["title"]),
                ", ".join(r["systems"]),
                str(len(r["alerts"])),
                r["delivery"] + (f" ({r['delivery_error']})" if r["delivery_error"] else ""),
                r["national_id"] or "–",
            )
            for r in rows
        ),
        lambda row: output.SEVERITY_STYLE[row[1]],
        "Chưa có sự cố nào. No incident yet: alerts of level medium and above become incidents.",
    )


@click.command()
@options.config
@options.as_json
@LIMIT
@SINCE
@click.option("--until", type=When(), default=2**62, help="Only older ones.")
@click.argument("query", nargs=-1)
def events(config_file: Path, as_json: bool, limit: int, since: Micros, until: Micros, query: tuple[str, ...]) -> None:
    """Events that match QUERY, newest first.

    \b
    QUERY is Lucene syntax over Sigma fields, ECS names and free text:
      vonggac events 'c-ip:203.0.113.5 AND sc-status:[400 TO 499]'
      vonggac events --since 2h 'system:dvc "cửa hậu"'
    """
    rows, found = asyncio.run(_events(config_file, Search(" ".join(query), since, until, limit)))
    if as_json:
        return output.lines(rows)
    output.table(
        f"Sự kiện · Events: {len(rows)} of {found.total}{'+' if found.partial else ''}, "
        f"{found.searched} searched in {found.took * 1000:.0f} ms",
        ("happened", "system", "host", "format", "original"),
        ((to_local(from_rfc3339(r["happened_at"])), r["system"], r["host"], r["format"], r["original"]) for r in rows),
        lambda row: "yellow" if row[3] == "unparsed" else "",
        "Không có sự kiện nào khớp. No event matches: try a wider --since or fewer words.",
    )


async def _alerts(config_file: Path, limit: int, since: Micros, least: int, one: str) -> list[dict[str, Any]]:
    configuration = load(config_file)
    async with reading.reading_state(configuration) as state:
        if one:
            entry = await state.get("alerts", one)
            return [alert_view(decode_alert(entry.value))] if entry else []
        rows: list[dict[str, Any]] = []
        async for entry in _newest(state, "alerts", since):
            alert = decode_alert(entry.value)
            if rank(alert.level) >= least:
                rows.append(alert_view(alert))
                if len(rows) == limit:
                    break
        return rows


async def _incidents(config_file: Path, limit: int, since: Micros) -> list[dict[str, Any]]:
    configuration = load(config_file)
    async with reading.reading_state(configuration) as state:
        rows: list[dict[str, Any]] = []
        async for entry in _newest(state, "incidents", since):
            delivery = await state.get("outbox", entry.key)
            rows.append(incident_view(decode_incident(entry.value), decode_delivery(delivery.value) if delivery else None))
            if len(rows) == limit:
                break
        return rows


async def _events(config_file: Path, search: Search) -> tuple[list[dict[str, Any]], Any]:
    """At most ``search.limit`` rows, page by page, and what the first page said of all."""
    async with reading.reading_events(load(config_file)) as store:
        rows, first, page = list[dict[str, Any]](), None, replace(search, limit=min(search.limit, PAGE))
        while True:
            found = await store.search(page)
            rows += [event_view(s.event, s.stored_at) for s in found.events]
            first = first or found
            if not found.next or len(rows) >= search.limit:
                return rows, first
            page = replace(page, after=found.next, limit=min(search.limit - len(rows), PAGE))


async def _newest(state: Any, space: str, since: Micros) -> AsyncIterator[Any]:
    """All entries of a space, newest first, page by page."""
    before: tuple[Micros, str] | None = None
    while page := await state.newest(space, before=before, since=since, limit=200):
        for entry in page:
            yield entry
        before = (page[-1].at, page[-1].key)
