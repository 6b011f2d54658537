"""`vonggac alerts`, `incidents`, `events`: what is kept, newest first."""

import re
import time
from pathlib import Path
from typing import Any

import click

from daemon import options
from model import LEVELS, Level, Micros
from model.moment import from_rfc3339


class When(click.ParamType[Micros]):
    """``2h`` ago, or an RFC 3339 time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Micros:
        if isinstance(value, int):
            return value
        from daemon.units import duration

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
    from daemon import show

    show.alerts(config_file, as_json, limit, since, level, one)


@click.command()
@options.config
@options.as_json
@LIMIT
@SINCE
def incidents(config_file: Path, as_json: bool, limit: int, since: Micros) -> None:
    """Incidents, newest first, with what the national side answered."""
    from daemon import show

    show.incidents(config_file, as_json, limit, since)


@click.command()
@options.config
@options.as_json
@click.option("--ecs", "as_ecs", is_flag=True, help="ECS 8 documents, one a line.")
@LIMIT
@SINCE
@click.option("--until", type=When(), default=2**62, help="Only older ones.")
@click.argument("query", nargs=-1)
def events(
    config_file: Path, as_json: bool, as_ecs: bool, limit: int, since: Micros, until: Micros, query: tuple[str, ...]
) -> None:
    """Events that match QUERY, newest first.

    \b
    QUERY is Lucene syntax over Sigma fields, ECS names and free text:
      vonggac events 'c-ip:203.0.113.5 AND sc-status:[400 TO 499]'
      vonggac events --since 2h 'system:dvc "cửa hậu"'
    """
    from backbone.ports import Search
    from daemon import show

    show.events(config_file, as_json, as_ecs, Search(" ".join(query), since, until, limit))
