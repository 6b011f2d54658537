"""The command `vonggac`: one sub-command a job. What a command does is in ``daemon/commands_*.py``, loaded when it is used."""

import importlib
import os
import sys
from typing import Any

import click

from model import ConfigError, QueryError, VonggacError

COMMANDS = {
    "run": ("commands_run", "Start everything on this machine."),
    "demo": ("commands_demo", "Start everything and replay a day in the province."),
    "check": ("commands_check", "Check settings, register and rules; start nothing."),
    "doctor": ("commands_doctor", "Look for what keeps the house from working well."),
    "alerts": ("commands_show", "Show alerts."),
    "incidents": ("commands_show", "Show incidents and their receipts."),
    "events": ("commands_show", "Search events."),
    "scan": ("commands_scan", "Apply Sigma rules to files, without any daemon."),
    "collect": ("commands_run", "Run only the collector."),
    "correlate": ("commands_run", "Run only the correlator."),
    "notify": ("commands_run", "Run only the notifier."),
    "console": ("commands_run", "Run only the console."),
    "national": ("commands_run", "Run only the simulated national API."),
}
"""Sub-command → module that has a click command of that name, and what it is for."""

USAGE, FAILURE = 2, 1


class Lazy(click.Group):
    """Imports a command's module only when it is asked for: `vonggac --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"daemon.{COMMANDS[name][0]}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


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
