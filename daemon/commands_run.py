"""`vonggac run`: everything on this machine; and one command a role, for running them apart."""

from pathlib import Path

import click

from daemon import options


@click.command()
@options.config
def run(config_file: Path) -> None:
    """Start everything: collectors, correlator, notifier, console and the simulated national API.

    Prints what listens where. Ctrl-C (or SIGTERM) stops within ten seconds; the next start goes on where this one stopped.
    """
    from daemon.running import start

    start(config_file)


def _role(name: str, text: str) -> click.Command:
    @click.command(name, help=text)
    @options.config
    def command(config_file: Path) -> None:
        from daemon import roles
        from daemon.load import load

        roles.run(name, load(config_file))

    return command


collect = _role("collect", "Run only the collector: sources → parse → normalise → durable log.")
correlate = _role("correlate", "Run only the correlator: durable log → rules → alerts.")
store = _role("store", "Run only the event store's writer: durable log → searchable segments, kept as long as the law asks.")
notify = _role("notify", "Run only the notifier: alerts → incidents → national API.")
console = _role("console", "Run only the analysts' console, with /healthz, /readyz and /metrics.")
national = _role("national", "Run only the simulated national API.")
