"""Our own telemetry: structured log lines and Prometheus signals.

Every role is a process; prometheus_client's multiprocess files (one folder, set by ``use_metrics_folder`` before the first
signal) let the console's /metrics show all of them.
"""

import json
import logging
import os
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values

from daemon.output import clean
from model.moment import to_rfc3339

HELP = {
    "collector_records": "Records made durable, by source and format.",
    "collector_bytes": "Bytes received, by source.",
    "collector_unparsed": "Records kept as received because no parser understood them.",
    "collector_dropped": "Records lost or refused, by source and reason.",
    "collector_truncated": "Records cut at the line limit.",
    "correlator_rules": "Detection rules in force.",
    "correlator_rules_refused": "Rules that cannot run; `vonggac check` lists them.",
    "correlator_rules_warned": "Rules that run although something in them is odd; `vonggac check` lists them.",
    "correlator_events": "Events matched against the rules.",
    "correlator_matches": "Rule matches, by level.",
    "correlator_alerts": "Alerts raised, by level.",
    "correlator_lag": "Events in the log not yet matched.",
    "correlator_dead_letters": "Records that could not be decoded, kept in topic dead-letters.",
    "correlator_late": "Matches that came later than the lateness allowed.",
    "correlator_evicted": "Correlation groups given up because there were too many.",
    "notifier_alerts": "Alerts taken into incidents or registered.",
    "notifier_incidents": "Incident revisions made, by severity.",
    "notifier_deliveries": "Attempts to deliver to the national API, by result.",
    "notifier_outbox": "Incidents waiting to be delivered.",
    "daemon_restarts": "Loops restarted after a crash, by loop.",
    "daemon_loop_up": "1 while a loop runs.",
}
LOG_BYTES, LOG_FILES = 20 * 2**20, 5
"""A log file is put aside at this size; so many of them are kept."""
_FILES, _RESERVED = ("counter", "gauge_mostrecent", "histogram"), 256 * 2**10
"""A process's files of signals, and the bytes kept for each: some 1,500 series."""
_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class PrometheusSignals:
    """``backbone.signals.Signals`` on prometheus_client; a metric is made the first time its name is used."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self._metric(name, Counter, labels).inc(amount)

    def level(self, name: str, value: float, **labels: str) -> None:
        self._metric(name, Gauge, labels, multiprocess_mode="mostrecent").set(value)

    def took(self, name: str, seconds: float, **labels: str) -> None:
        self._metric(name if name.endswith("_seconds") else f"{name}_seconds", Histogram, labels, buckets=_BUCKETS).observe(
            seconds
        )

    def _metric(self, name: str, kind: Any, labels: dict[str, str], **options: Any) -> Any:
        metric = self._known.get(name)
        if metric is None:
            text = HELP.get(name, name.replace("_", " ").capitalize() + ".")
            metric = self._known[name] = kind(f"vonggac_{name}", text, sorted(labels), registry=None, **options)
        return metric.labels(**labels) if labels else metric


def use_metrics_folder(folder: Path, role: str = "", *, fresh: bool = False) -> bool:
    """Keep this process's signals in ``folder``, as those of ``role``: they go on where an earlier process of it stopped.

    ``fresh`` drops those of earlier runs. False when there is no room for them on the disk: they are in memory and not shown.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if fresh:
        for old in folder.glob("*.db"):
            old.unlink(missing_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    if role:
        try:
            for kind in _FILES:
                _reserve(folder / f"{kind}_{role}.db")
        except OSError:
            values.ValueClass = values.MutexValue
            return False
    identity = (lambda: role) if role else os.getpid
    values.ValueClass = values.MultiProcessValue(identity)  # type: ignore[no-untyped-call]
    return True


def _reserve(file: Path) -> None:
    """Give the file its blocks now: written through memory, a full disk would not be an error but the end of the process."""
    with file.open("ab") as stream:
        if not stream.tell():
            os.posix_fallocate(stream.fileno(), 0, _RESERVED)


def exposition() -> bytes:
    """All processes' signals in Prometheus' text format (0.0.4)."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def log_to(file: Path | None, role: str, level: str = "info") -> None:
    """One JSON object a line: ``at`` (RFC 3339), ``level``, ``role``, ``event``, and what belongs to it.

    Lines go to ``file`` (rotated at 20 MiB, five kept) and to standard error: all of them where nobody watches (a service),
    warnings and errors in short form on a terminal.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
            _ours,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(_Short() if sys.stderr.isatty() else _Line())
    shown.setLevel(logging.WARNING if sys.stderr.isatty() else logging.DEBUG)
    handlers: list[logging.Handler] = [shown]
    if file is not None:
        kept = _Kept(file, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", errors="backslashreplace")
        kept.setFormatter(_Line())
        handlers.append(kept)
    logging.basicConfig(level=logging.DEBUG, handlers=handlers, force=True)
    for library in ("asyncio", "aiohttp", "concurrent.futures"):
        logging.getLogger(library).setLevel(logging.WARNING)


class _Kept(RotatingFileHandler):
    """Log lines name people and addresses: nobody else may read the file. On a full disk they are on standard error only."""

    full = False

    def emit(self, record: logging.LogRecord) -> None:
        self.failed = False
        super().emit(record)
        self.full = self.failed

    def handleError(self, record: logging.LogRecord) -> None:
        """Said once, in a line: a traceback a line would fill what room there is."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self.failed = True
        if not self.full:
            print(f"{self.baseFilename}: not written ({error.strerror}); the lines are here only", file=sys.stderr)  # noqa: T201

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        os.fchmod(stream.fileno(), 0o600)
        return stream


def _ours(_logger: Any, _method: str, text: Any) -> tuple[tuple[str], dict[str, Any]]:
    """Marks a rendered line as one of ours."""
    return (str(text),), {"extra": {"ours": True}}


class _Line(logging.Formatter):
    """Our own lines as they are; a library's record as a line of the same shape."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if getattr(record, "ours", False):
            return _encodable(text)
        line: dict[str, Any] = {"event": text, "level": record.levelname.lower(), "at": to_rfc3339(int(record.created * 1e6))}
        line["library"] = record.name
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encodable(json.dumps(line, ensure_ascii=False))


def _encodable(text: str) -> str:
    """Half a surrogate pair, which UTF-8 cannot hold, as its JSON escape."""
    return text.encode("utf-8", "backslashreplace").decode()


class _Short(_Line):
    """``16:30:00 notify: the national API does not answer (attempts=3)`` for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = json.loads(super().format(record))
        at, event = str(line.pop("at", "")), line.pop("event", "")
        role = line.pop("role", "") or line.get("library", "")
        for name in ("level", "exception", "library"):
            line.pop(name, None)
        rest = ", ".join(f"{name}={value}" for name, value in line.items())
        return clean(f"{at[11:19]} {role}: {event}" + (f" ({rest})" if rest else ""), 1_000)
