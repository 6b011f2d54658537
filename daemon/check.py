"""What `vonggac check` does: everything a start would read, read and reported."""

from pathlib import Path
from typing import Any

import click

from correlator.rule import Compiled, Refusal
from daemon import output
from daemon.ecs import load_tables
from daemon.legal import load_legal
from daemon.load import Configuration, load
from daemon.rules import load_rules
from daemon.settings import Listening
from model import ProblemsError


def check(config_file: Path, as_json: bool) -> None:
    """Print what there is. ProblemsError with every problem of settings, register, legal profile and ECS tables."""
    configuration = load(config_file)
    tables = _all_right(configuration)
    rules = load_rules(configuration)
    if as_json:
        output.lines([_row(rules)])
        return
    click.echo(f"{configuration.file}: fine")
    click.echo(f"  data        {configuration.home}")
    for source in configuration.settings.collector.sources:
        where = source.listen if isinstance(source, Listening) else ", ".join(getattr(source, "paths", ["standard input"]))
        click.echo(f"  source      {source.name} ({source.type}) {where}")
    click.echo(f"  systems     {len(configuration.systems)}")
    click.echo(f"  legal       {configuration.settings.notifier.legal}")
    click.echo(f"  ecs         {tables} tables")
    places = len(configuration.rule_paths)
    click.echo(f"  rules       {len(rules.rules)} and {len(rules.correlations)} correlations from {places} place(s)")
    for problem in rules.refused:
        click.echo(f"  refused     {output.clean(str(problem), 500)}")
    for problem in rules.warnings:
        click.echo(f"  warning     {output.clean(str(problem), 500)}")


def _all_right(configuration: Configuration) -> int:
    """How many ECS tables there are; the problems of legal profile and tables all at once."""
    problems, count = [], 0
    try:
        load_legal(configuration)
    except ProblemsError as error:
        problems += error.problems
    try:
        count = len(load_tables(configuration))
    except ProblemsError as error:
        problems += error.problems
    if problems:
        raise ProblemsError(problems)
    return count


def _row(rules: Compiled) -> dict[str, Any]:
    return {
        "rules": len(rules.rules),
        "correlations": len(rules.correlations),
        "refused": [_problem(p) for p in rules.refused],
        "warnings": [_problem(p) for p in rules.warnings],
    }


def _problem(problem: Refusal) -> dict[str, Any]:
    return {"file": problem.file, "line": problem.line, "rule": problem.rule, "message": problem.message}
