"""`vonggac demo`: everything, and a day in the province replayed through it."""

from pathlib import Path

import click

from daemon import options


@click.command()
@options.config
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed gives another day.")
@click.option("--scale", type=click.FloatRange(0.01, 100), default=1.0, show_default=True, help="1.0 is about 120,000 lines.")
@click.option(
    "--speed", type=click.FloatRange(0), default=720.0, show_default=True, help="Times real time; 0 as fast as it goes."
)
@click.option("--exit", "leave", is_flag=True, help="Stop when the day is over and everything is delivered.")
def demo(config_file: Path, seed: int, scale: float, speed: float, leave: bool) -> None:
    """Start everything and replay yesterday as a day in the province: nine systems, five attacks.

    The invented logs go where real ones go (syslog, HTTP, growing files) and into the same data folder; set VONGGAC_HOME to keep
    them apart. A replay that was stopped goes on where it was.
    """
    from daemon.demo import demo as play

    play(config_file, seed, scale, speed, leave)
