"""What `vonggac alerts`, `incidents` and `events` do: what is kept, newest first. The stores are read; no daemon has to run."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from backbone.codec import decode_alert, decode_delivery, decode_incident
from backbone.ports import Found, Search
from collector.ecs import Tables, to_document
from daemon import output
from daemon.ecs import load_tables
from daemon.load import load
from daemon.wiring import reading
from model import Level, Micros, rank
from model.moment import from_rfc3339, to_local
from model.view import alert_view, event_view, incident_view

PAGE = 5_000
"""Events asked of the store at once."""


def alerts(config_file: Path, as_json: bool, limit: int, since: Micros, level: Level, one: str) -> None:
    """Print at most ``limit`` alerts detected ``since``, at least of ``level``; or the ``one`` of that id."""
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
        "Không cảnh báo nào khớp · No alert matches: leave --since, --level or --id out to see all."
        if since or rank(level) or one
        else "Chưa có cảnh báo nào. No alert yet: send a log line (`vonggac run` shows how) or replay a day with `vonggac demo`.",
    )


def incidents(config_file: Path, as_json: bool, limit: int, since: Micros) -> None:
    """Print at most ``limit`` incidents first detected ``since``, with how far their delivery has come."""
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
        "Không sự cố nào khớp · No incident matches: leave --since out to see all."
        if since
        else "Chưa có sự cố nào. No incident yet: alerts of level medium and above become incidents.",
    )


def events(config_file: Path, as_json: bool, as_ecs: bool, search: Search) -> None:
    """Print the events ``search`` finds; as ECS 8 documents, one a line, with ``as_ecs``. QueryError."""
    rows, found = asyncio.run(_events(config_file, search, as_ecs))
    if as_json or as_ecs:
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


async def _events(config_file: Path, search: Search, as_ecs: bool) -> tuple[list[dict[str, Any]], Found]:
    """At most ``search.limit`` rows, page by page, and what the first page said of all."""
    configuration = load(config_file)
    tables = Tables(load_tables(configuration)) if as_ecs else None
    async with reading.reading_events(configuration) as store:
        rows: list[dict[str, Any]] = []
        first, page = None, replace(search, limit=min(search.limit, PAGE))
        while True:
            found = await store.search(page)
            for stored in found.events:
                event, at = stored.event, stored.stored_at
                rows.append(to_document(event, tables, at) if tables else event_view(event, at))
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
