"""What `vonggac doctor` does: looks for what keeps the house from working well, and says what to do about it."""

import asyncio
import platform
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from pathlib import Path

import aiohttp
import click
import msgspec

from backbone.codec import decode_delivery
from backbone.reserve import reserve_of
from daemon import health, keys, output
from daemon.load import Configuration, load
from daemon.rules import load_rules
from daemon.running import roles
from daemon.supervisor import check_ports, lock
from daemon.wiring import reading
from model import ConfigError, ProblemsError, VonggacError

LEAST_FREE = 2 * 2**30
MOST_LAG = 50_000


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. ``advice`` says what to do when it is not well."""

    about: str
    well: bool
    found: str
    advice: str = ""


def doctor(config_file: Path, as_json: bool) -> bool:
    """Look at everything and print what was found; whether all is well."""
    findings = asyncio.run(examine(config_file))
    if as_json:
        output.lines(msgspec.to_builtins(f) for f in findings)
    else:
        for finding in findings:
            mark = click.style("ổn    ok  ", fg="green") if finding.well else click.style("hỏng  FAIL", fg="red", bold=True)
            click.echo(f"{mark} {finding.about:<18} {output.clean(finding.found, 300)}")
            if not finding.well and finding.advice:
                click.echo(f"{'':<11}{'':<19}→ {finding.advice}")
    return all(f.well for f in findings)


async def examine(config_file: Path) -> list[Finding]:
    """Everything that was looked at, in the order it is told."""
    findings = list(_machine())
    try:
        configuration = load(config_file)
    except ProblemsError as error:
        return [*findings, *(Finding("settings", False, str(p), "mend this line; docs/settings.md") for p in error.problems)]
    findings.append(Finding("settings", True, f"{configuration.file}"))
    findings += _home(configuration)
    if not findings[-1].well and findings[-1].about == "data folder":
        return findings
    running = _runs(configuration)
    findings += _roles(configuration) if running else _ports(configuration)
    findings.append(_rules(configuration))
    if (configuration.home / "state.db").exists():
        findings += [f async for f in _stores(configuration, running)]
    if running:
        findings.append(await _link(configuration))
    return findings


def _machine() -> Iterator[Finding]:
    yield Finding("python", sys.version_info >= (3, 11), platform.python_version(), "Vọng Gác needs Python 3.11 or newer")
    try:
        import hyperscan  # noqa: F401
    except ImportError:
        advice = "rules run on the slower matcher, with the same verdicts; the wheel exists for Linux on x86-64"
        yield Finding("hyperscan", platform.machine() != "x86_64", "not installed", advice)
    else:
        yield Finding("hyperscan", True, version("hyperscan"))


def _home(configuration: Configuration) -> Iterator[Finding]:
    home = configuration.home
    try:
        keys.private_folder(home)
    except ConfigError as error:
        yield Finding("data folder", False, str(error))
        return
    disk, wanted = shutil.disk_usage(home), configuration.settings.collector.reserve
    reserve = reserve_of(disk.total, wanted)
    advice = "make room, or lower store.keep; when the reserve is reached reading stops and nothing is lost"
    text = f"{disk.free / 2**30:.1f} GiB free at {home}, the reserve is {reserve / 2**30:.1f} GiB (collector.reserve)"
    yield Finding("disk", disk.free > max(LEAST_FREE, 2 * reserve), text, advice)
    for file in sorted((home / "keys").glob("*.key")):
        if file.name != "syslog-tls.key":
            try:
                keys.read_token(file)
            except ConfigError as error:
                yield Finding("keys", False, str(error))
                return
    yield Finding("keys", True, f"{home / 'keys'}")


def _runs(configuration: Configuration) -> bool:
    try:
        lock(configuration.home).close()
    except ConfigError:
        return True
    return False


def _ports(configuration: Configuration) -> Iterator[Finding]:
    yield Finding("roles", True, "not running: start with `vonggac run`")
    try:
        check_ports(configuration)
    except ProblemsError as error:
        yield from (Finding("ports", False, str(p)) for p in error.problems)
    else:
        yield Finding("ports", True, "all free")


def _roles(configuration: Configuration) -> Iterator[Finding]:
    seen = health.read(configuration.home / "run/health", roles(configuration), time.time_ns() // 1000)
    for problem in seen.problems:
        yield Finding("roles", False, problem, f"see {configuration.home / 'logs'}")
    for role in seen.roles:
        restarts = sum(loop.restarts for loop in role.loops)
        last = next((loop.error for loop in role.loops if loop.restarts), "")
        text = f"{role.role} runs" + (f", {restarts} restarts, last: {last}" if restarts else "")
        yield Finding("roles", restarts < 3, text, f"see {configuration.home / 'logs' / role.role}.jsonl")


def _rules(configuration: Configuration) -> Finding:
    try:
        rules = load_rules(configuration)
    except VonggacError as error:
        return Finding("rules", False, str(error))
    refused = f", {len(rules.refused)} refused (`vonggac check` lists them)" if rules.refused else ""
    found = f"{len(rules.rules)} rules, {len(rules.correlations)} correlations{refused}"
    return Finding("rules", bool(rules.rules), found, "name a folder of Sigma rules in rules.paths")


async def _stores(configuration: Configuration, running: bool) -> AsyncIterator[Finding]:
    async with reading.reading_log(configuration) as log:
        end = await log.end("events")
        for group in ("correlate", "store"):
            lag = end - await log.position(group, "events")
            advice = "it catches up by itself; if it grows, see docs/benchmarks.md for what one machine can do"
            yield Finding(f"lag of {group}", not running or lag < MOST_LAG, f"{lag:,} of {end:,} events", advice)
    async with reading.reading_state(configuration) as state:
        deliveries = [decode_delivery(e.value) for e in await state.newest("outbox", limit=1000)]
        refused = [d for d in deliveries if d.state == "refused"]
        waiting = [d for d in deliveries if d.state == "waiting" and d.attempts > 2]
        found = f"{len(deliveries)} incidents, {len(waiting)} waiting after several attempts, {len(refused)} refused"
        detail = next((d.last_error for d in (*refused, *waiting)), "")
        yield Finding(
            "deliveries",
            not refused and not waiting,
            f"{found}{': ' + detail if detail else ''}",
            "check notifier.national and the link below",
        )
    if configuration.settings.distributed is None:
        async with reading.reading_segments(configuration) as events:
            broken = await events.verify()
            found = broken[0] if broken else "hash chain of stored segments holds"
            yield Finding("evidence", not broken, found, "restore from a backup")


async def _link(configuration: Configuration) -> Finding:
    url = f"{configuration.settings.national_url}/api/v1/clock"
    client = configuration.settings.notifier.national.key_file
    file = configuration.path(client) if client else configuration.home / "keys/national-client.key"
    try:
        headers = {"Authorization": f"Bearer {keys.read_token(file).reveal()}"}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(url, headers=headers) as answer,
        ):
            return Finding("national link", answer.status == 200, f"{url} answers {answer.status}", "check key and address")
    except (aiohttp.ClientError, TimeoutError, ConfigError) as error:
        return Finding(
            "national link", False, f"{url}: {error}", "incidents wait in the outbox and are delivered when it is back"
        )
