"""Options that several commands share."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

DEFAULT = "config/embedded.yml"


def default_config() -> Path:
    """VONGGAC_CONFIG, ``config/embedded.yml`` here, in the checkout, or as installed with the package: the first there is."""
    if named := os.environ.get("VONGGAC_CONFIG"):
        return Path(named)
    places = (Path.cwd(), Path(__file__).parent.parent, Path(sys.prefix) / "share/vonggac")
    return next((p / DEFAULT for p in places if (p / DEFAULT).is_file()), Path(DEFAULT))


def config(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--config FILE``."""
    text = "Settings file. [default: $VONGGAC_CONFIG, config/embedded.yml]"
    return click.option("--config", "config_file", type=click.Path(path_type=Path), default=default_config, help=text)(command)


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of a table.")(command)
