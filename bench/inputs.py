"""What the benchmarks send: the Windows events beside the checkout, and lines of the province's day."""

import gzip
from pathlib import Path

from bench.house import ROOT
from model import Micros
from province.day import Day

SHARED = ROOT.parent / "shared"
SIGMA = tuple(SHARED / "sigma" / name for name in ("rules", "rules-emerging-threats", "rules-threat-hunting"))
DATE: Micros = 1_795_194_000_000_000
"""Midnight UTC+7 of the day that is generated."""


def missing() -> str:
    """Why what needs ``../shared`` cannot run; empty when it can."""
    lacking = [path for path in (*SIGMA, SHARED / "events/windows-otrf.jsonl.gz") if not path.exists()]
    return f"`../shared/{lacking[0].relative_to(SHARED)}` is not beside the checkout" if lacking else ""


def all_rules() -> list[Path]:
    """Our own rules, and SigmaHQ's where they are there."""
    return [ROOT / "rules", *(path for path in SIGMA if path.is_dir())]


def windows_lines() -> list[bytes]:
    """The Windows events, a JSON object a line with its LF."""
    with gzip.open(SHARED / "events/windows-otrf.jsonl.gz") as file:
        return file.readlines()


def write_windows(path: Path, at_least: int) -> tuple[int, int]:
    """Write the Windows events, repeated until there are ``at_least``; (lines, bytes)."""
    lines = windows_lines()
    content, written = b"".join(lines), 0
    with path.open("wb") as file:
        while written < at_least:
            file.write(content)
            written += len(lines)
        return written, file.tell()


def day_lines(scale: float) -> list[bytes]:
    """The syslog lines of a day with its attacks, without LF."""
    return [line.text.encode() for line in Day(7, DATE, scale) if line.channel == "syslog"]
