"""The command `vonggac`: one sub-command a job. What a command does is in ``daemon/commands_*.py``, loaded when it is used."""

import difflib
import importlib
import sys
from typing import Any, NoReturn

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
    "store": ("commands_run", "Run only the event store's writer."),
    "notify": ("commands_run", "Run only the notifier."),
    "console": ("commands_run", "Run only the console."),
    "national": ("commands_run", "Run only the simulated national API."),
}
"""Sub-command → module that has a click command of that name, and what it is for."""

USAGE, FAILURE, STOPPED = 2, 1, 130


class Lazy(click.Group):
    """Imports a command's module only when it is asked for: `vonggac --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, 1)
            ctx.fail(f"there is no command {name!r}" + (f", did you mean {near[0]}?" if near else ""))
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
    """Run a command. Exit code 0 done, 1 failed, 2 wrong usage or configuration, 130 stopped by Ctrl-C."""
    try:
        sys.exit(vonggac.main(arguments, prog_name="vonggac", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(USAGE)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "vonggac"
        _say(f"{error.format_message().rstrip('.')}; see `{where} --help`", USAGE)
    except (ConfigError, QueryError) as error:
        _say(error, USAGE)
    except (VonggacError, click.ClickException) as error:
        _say(error, FAILURE)
    except click.Abort:
        sys.exit(STOPPED)
    except OSError as error:
        _say(f"{error.filename or 'the system'}: {error.strerror or error}", FAILURE)


def _say(error: object, code: int) -> NoReturn:
    for line in str(error).splitlines():
        click.echo(f"vonggac: {line}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
