"""Starting the whole house as one command, and telling the person who did."""

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import click

from daemon import health, keys
from daemon.load import Configuration, load
from daemon.settings import File, Listening
from daemon.supervisor import Supervisor, check_ports, lock
from daemon.telemetry import use_metrics_folder
from model import ConfigError, FullError, VonggacError

ROLES = ("national", "notify", "console", "correlate", "store", "collect")
"""In the order they are started: what receives is there before what sends."""
STARTUP_LIMIT = 180.0
"""Seconds until a start that is not ready is given up on; compiling some thousand rules for the first time takes most of it."""


class StartError(VonggacError):
    """The house did not come up."""


def roles(configuration: Configuration) -> tuple[str, ...]:
    """The roles this configuration runs on this machine."""
    return tuple(r for r in ROLES if r != "national" or configuration.settings.national.run)


def prepare(configuration: Configuration) -> None:
    """Folders, keys and certificate: made when they are not there yet."""
    home = keys.private_folder(configuration.home)
    for name in ("keys", "logs", "run", "run/health", "events", "national", "rules"):
        keys.private_folder(home / name)
    try:
        for name in keys.NAMES:
            keys.token(home / "keys", name)
        keys.certificate(home / "keys")
    except OSError as error:
        raise FullError(f"{home}: keys cannot be written ({error.strerror})") from None


def start(config_file: Path) -> None:
    """`vonggac run`: everything, until it is told to stop."""
    asyncio.run(_run(config_file))


async def _run(config_file: Path) -> None:
    begun = time.monotonic()
    configuration = load(config_file)
    async with running(configuration, lambda text: click.echo(text, err=True)) as supervisor:
        if not supervisor.stop.is_set():
            click.echo(greeting(configuration, time.monotonic() - begun))
        await supervisor.stop.wait()
        click.echo("Đang dừng · stopping …")
    click.echo("Đã dừng · stopped.")


@contextlib.asynccontextmanager
async def running(configuration: Configuration, tell: Callable[[str], None]) -> AsyncIterator[Supervisor]:
    """All roles run and are ready inside; leaving stops them. ConfigError or StartError when they cannot start."""
    prepare(configuration)
    held = lock(configuration.home)
    try:
        await _free_ports(configuration)
        folder = configuration.home / "run/health"
        for old in folder.glob("*.json"):
            old.unlink(missing_ok=True)
        use_metrics_folder(configuration.home / "run/metrics", fresh=True)
        supervisor = Supervisor(configuration, roles(configuration), tell)
        task = asyncio.create_task(supervisor.run())
        try:
            await _until_ready(configuration, supervisor, folder, tell)
            yield supervisor
        finally:
            supervisor.stop.set()
            await task
        if supervisor.failed:
            raise ConfigError(f"{supervisor.failed}; see the message above and {configuration.home / 'logs'}")
    finally:
        held.close()


async def _free_ports(configuration: Configuration) -> None:
    """Roles of a supervisor that was killed need a moment to notice and let go of their ports."""
    for _ in range(30):
        try:
            return check_ports(configuration)
        except VonggacError:
            await asyncio.sleep(0.1)
    check_ports(configuration)


async def _until_ready(configuration: Configuration, supervisor: Supervisor, folder: Path, tell: Callable[[str], None]) -> None:
    begun, said = time.monotonic(), 0.0
    while not supervisor.stop.is_set():
        seen = health.read(folder, roles(configuration), time.time_ns() // 1000)
        if seen.up:
            return
        waited = time.monotonic() - begun
        if waited > STARTUP_LIMIT:
            raise StartError(f"not ready after {waited:.0f} s: {'; '.join(seen.problems)}")
        if waited - said > 5:
            said = waited
            tell(f"… {'; '.join(seen.problems)}")
        await asyncio.sleep(0.05)


def greeting(configuration: Configuration, seconds: float) -> str:
    """What listens where, how to send a first line, where the data is. Shows the console's access token and no other key."""
    settings, home = configuration.settings, configuration.home
    token = keys.read_token(home / "keys/console.key").reveal()
    lines = [f"Vọng Gác đang trực · is on watch (ready in {seconds:.1f} s)", ""]
    for source in settings.collector.sources:
        if isinstance(source, Listening):
            where = f"http://{source.listen}/ingest  key: {home / 'keys/ingest.key'}" if source.type == "http" else source.listen
            lines.append(f"  {source.type.replace('_', ' '):<22}{where}")
        elif isinstance(source, File):
            lines.append(f"  {'file':<22}{', '.join(source.paths)}")
    simulated = f"{settings.national_url}/  token: {home / 'keys/national-operator.key'}"
    lines += [
        f"  {'console':<22}http://{settings.console.listen}/  access token: {token}",
        f"  {'national (simulated)':<22}{simulated}" if settings.national.run else f"  {'national':<22}{settings.national_url}",
        f"  {'data':<22}{home}",
        "",
        "Gửi dòng nhật ký đầu tiên (ra một cảnh báo) · Send a first log line (it raises an alert):",
        f"  {first_line(configuration)}",
        f"Rồi xem · then look:  {command()} alerts    {command()} incidents    {command()} events",
        "Ctrl-C dừng lại, không mất gì · Ctrl-C stops, nothing is lost.",
    ]
    return "\n".join(lines)


def first_line(configuration: Configuration) -> str:
    """A shell command that needs nothing but bash and raises an alert by our own rules."""
    for source in configuration.settings.collector.sources:
        if isinstance(source, Listening) and source.type == "syslog_tcp":
            host, _, port = source.listen.rpartition(":")
            said = "www-data : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/systemctl stop auditd"
            text = f"<85>1 - dvc-web01 sudo - - - {said}"
            return f"echo '{text}' > /dev/tcp/{host.strip('[]')}/{port}"
    return f"{command()} demo"


def command() -> str:
    """How to call `vonggac` from here: its name when it is on the PATH, else where it is."""
    beside = Path(sys.executable).with_name("vonggac")
    if shutil.which("vonggac") or not beside.exists():
        return "vonggac"
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)
