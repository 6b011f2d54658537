"""The command `vonggac`: one sub-command a job. What a command does is in ``daemon/commands_*.py``, loaded when it is used."""

import importlib
import os
import sys
from typing import Any

import click

from model import ConfigError, QueryError, VonggacError

COMMANDS = {
    "run": "daemon.commands_run",
    "demo": "daemon.commands_demo",
    "scan": "daemon.commands_scan",
    "check": "daemon.commands_check",
    "alerts": "daemon.commands_show",
    "incidents": "daemon.commands_show",
    "events": "daemon.commands_show",
    "doctor": "daemon.commands_doctor",
    "collect": "daemon.commands_run",
    "correlate": "daemon.commands_run",
    "notify": "daemon.commands_run",
    "console": "daemon.commands_run",
    "national": "daemon.commands_run",
}
"""Sub-command → module that has a click command of that name."""

USAGE, FAILURE = 2, 1


class Lazy(click.Group):
    """Imports a command's module only when it is asked for: `vonggac --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[name]), name)
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="vonggac", prog_name="vonggac")
def vonggac() -> None:
    """Vọng Gác: collects logs, finds attacks in them with Sigma rules, reports incidents.

    \b
    Start:    vonggac run          (or `make run`)
    Look:     vonggac alerts, vonggac incidents, vonggac events 'c-ip:203.0.113.5'
    Without a daemon: vonggac scan --rules RULES FILE…
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run a command. Exit code 0 done, 1 failed, 2 wrong usage or configuration."""
    try:
        return vonggac.main(arguments, prog_name="vonggac")
    except (ConfigError, QueryError) as error:
        _say(error)
        sys.exit(USAGE)
    except VonggacError as error:
        _say(error)
        sys.exit(FAILURE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILURE)


def _say(error: Exception) -> None:
    for line in str(error).splitlines():
        click.echo(f"vonggac: {line}", err=True)


if __name__ == "__main__":
    main()
