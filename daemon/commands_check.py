"""`vonggac check`: is the configuration right, and do the rules load?"""

from pathlib import Path

import click

from daemon import options


@click.command()
@options.config
@options.as_json
def check(config_file: Path, as_json: bool) -> None:
    """Read settings, register, legal profile, ECS tables and rules; report every problem with file and line. Starts nothing.

    Exit code 2 when something must be mended, 0 when all is well. Rules that cannot run (refused) or run although something in
    them is odd (warning) are listed but do not stop a start.
    """
    from daemon.check import check as look

    look(config_file, as_json)
