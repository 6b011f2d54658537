"""The ECS tables of a configuration: ``ecs/*.yml`` beside the settings, or as shipped."""

from collections.abc import Sequence
from pathlib import Path

from collector.ecs import Table, Tables, read_table
from daemon.lines import read
from daemon.load import Configuration
from daemon.shipped import shipped
from model import Problem, ProblemsError


def load_tables(configuration: Configuration) -> Sequence[Table]:
    """All tables, by file name. ProblemsError with every mistake of every table, each with its line."""
    return read_tables(shipped(configuration.folder, "ecs"))


def read_tables(folder: Path) -> Sequence[Table]:
    """All tables of ``folder``, by file name. ProblemsError with every mistake of every table, each with its line."""
    tables: list[Table] = []
    problems: list[Problem] = []
    for file in sorted(folder.glob("*.yml")):
        try:
            document, lines = read(file)
            tables.append(read_table(str(file), document, lambda *path, lines=lines: lines.of(path, key=True)))
        except ProblemsError as error:
            problems += error.problems
    if not tables and not problems:
        problems.append(Problem(str(folder), 0, "there is no ECS table here", "copy config/ecs from the distribution"))
    if not problems:
        try:
            Tables(tables)
        except ProblemsError as error:
            problems += error.problems
    if problems:
        raise ProblemsError(problems)
    return tables
