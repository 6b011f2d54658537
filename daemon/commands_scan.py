"""`vonggac scan`: rules against files, without any daemon."""

import sys
from pathlib import Path

import click


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
@click.option(
    "--strict", is_flag=True, help="Try rules only on events known to be of their log source, as the running house does."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a match instead of a table.")
@click.argument("files", nargs=-1, required=True)
def scan(rule_paths: tuple[Path, ...], format_name: str, zone: str, strict: bool, as_json: bool, files: tuple[str, ...]) -> None:
    """Apply Sigma rules to FILES (`-` is standard input) and print what matches.

    Reads JSON lines, JSON documents, syslog, access logs, EVTX and every other format of docs/taxonomy.md, gzip too. An event
    that does not tell its log source (plain JSON mostly) is tried with every rule. Correlation rules count within one file; a
    match of one has the number of the record that completed it. Rules that cannot run are listed on standard error. Exit code 1
    when a file could not be read.
    """
    from daemon.scan import scan as apply

    sys.exit(0 if apply(rule_paths, format_name, zone, strict, as_json, files) else 1)
