"""One process of one role: telemetry, wiring, loops."""

import contextlib
import ctypes
import gc
import os
import sys

import structlog
import uvloop

from backbone.clock import SystemClock
from daemon import running, wiring
from daemon.load import Configuration
from daemon.loops import Loops
from daemon.supervisor import lock_role
from daemon.telemetry import PrometheusSignals, log_to, use_metrics_folder
from model import VonggacError

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
"""Options of glibc's mallopt(3)."""


def run(role: str, configuration: Configuration) -> None:
    """Run ``role`` until SIGTERM or SIGINT. ConfigError when it cannot be built."""
    _keep_memory()
    running.prepare(configuration)
    log_to(configuration.home / "logs" / f"{role}.jsonl", role, configuration.settings.log_level)
    held = lock_role(configuration.home, role)
    if not use_metrics_folder(configuration.home / "run/metrics", role):
        structlog.get_logger().error("metrics_not_kept", reason=f"the disk of {configuration.home} is full; make room")
    try:
        uvloop.run(_run(role, configuration))
    except VonggacError:
        raise
    except Exception:
        structlog.get_logger().exception("role crashed")
        sys.exit(1)
    finally:
        held.close()
        gc.unfreeze()  # what stays frozen is not let go of at the end, and DuckDB says so at length


async def _run(role: str, configuration: Configuration) -> None:
    clock, signals = SystemClock(), PrometheusSignals()
    log = structlog.get_logger()
    async with wiring.built(role, configuration, clock, signals) as loops:
        log.info("started", loops=list(loops))
        _settle_memory()
        await Loops(role, configuration.home / "run/health", clock, signals).run(loops)
    log.info("stopped")


def _keep_memory() -> None:
    """Ask glibc to keep what is freed: events come and go by the megabyte, and giving pages back and faulting them in again
    took a fifth of the event store's time. One arena for all threads, so that what is kept is kept once. On other C libraries
    nothing changes.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # read when Arrow is imported, which is later
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((_M_ARENA_MAX, 1), (_M_TRIM_THRESHOLD, 512 << 20), (_M_MMAP_MAX, 0)):
            mallopt(option, value)


def _settle_memory() -> None:
    """What is built by now (all rules, compiled) stays: the garbage collector need not walk it over and over.

    Events make no cycles, so it is also asked less often: a fifth of the correlator's time went into it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
