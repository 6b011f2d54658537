"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from daemon.shipped import default_config


def config(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--config FILE``."""
    text = "Settings file. [default: $VONGGAC_CONFIG, config/embedded.yml]"
    return click.option("--config", "config_file", type=click.Path(path_type=Path), default=default_config, help=text)(command)


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of a table.")(command)
