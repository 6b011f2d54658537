"""`vonggac doctor`: looks for what keeps the house from working well."""

import sys
from pathlib import Path

import click

from daemon import options


@click.command()
@options.config
@options.as_json
def doctor(config_file: Path, as_json: bool) -> None:
    """Look at machine, settings, keys, disk, ports, rules, running roles, lag, national link and stored evidence.

    Works while the house runs and while it does not. Exit code 1 when something is not well.
    """
    from daemon.doctor import doctor as look

    sys.exit(0 if look(config_file, as_json) else 1)
