"""What a reader must know of the machine to judge a figure: processor, cores, kernel, Python, disk."""

import os
import platform
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil


def describe(folder: Path) -> str:
    """One line of Markdown. ``folder`` is on the disk that is used. Names neither the host nor a path."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {_processor()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB; "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}; "
        f"a write of 64 KiB with fdatasync takes {_sync(folder) * 1000:.1f} ms"
    )


def load() -> str:
    """How busy the machine is besides: the load average of the last minute."""
    return f"load average when it began {os.getloadavg()[0]:.1f}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    found = dict(line.split("\t: ", 1) for line in lines if "\t: " in line)
    return f"{found.get('model name', platform.machine())} at {float(found.get('cpu MHz', 0)) / 1000:.1f} GHz"


def _sync(folder: Path) -> float:
    """Median seconds of a small durable write."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(30):
            file.write(b"x" * 65_536)
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    return statistics.median(took)
