"""`vonggac check`: is the configuration right, and do the rules load?"""

from pathlib import Path

import click

from daemon import options, output
from daemon.load import load
from daemon.rules import load_rules
from daemon.settings import Listening


@click.command()
@options.config
@options.as_json
def check(config_file: Path, as_json: bool) -> None:
    """Read settings, register and rules; report every problem with file and line. Starts nothing.

    Exit code 2 when something must be mended, 0 when all is well. Rules that cannot run are listed but do not stop a start.
    """
    configuration = load(config_file)
    rules = load_rules(configuration)
    refused = [{"file": p.file, "line": p.line, "message": p.message} for p in rules.refused]
    if as_json:
        output.lines([{"rules": len(rules.rules), "correlations": len(rules.correlations), "refused": refused}])
        return
    click.echo(f"{configuration.file}: fine")
    click.echo(f"  data        {configuration.home}")
    for source in configuration.settings.collector.sources:
        where = source.listen if isinstance(source, Listening) else ", ".join(getattr(source, "paths", ["standard input"]))
        click.echo(f"  source      {source.name} ({source.type}) {where}")
    click.echo(f"  systems     {len(configuration.systems)}")
    places = len(configuration.rule_paths)
    click.echo(f"  rules       {len(rules.rules)} and {len(rules.correlations)} correlations from {places} place(s)")
    for problem in rules.refused:
        click.echo(f"  refused     {problem}")
