"""Our own telemetry: structured log lines and Prometheus signals.

Every role is a process; prometheus_client's multiprocess files (one folder, set by ``use_metrics_folder`` before the first
signal) let the console's /metrics show all of them.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values

HELP = {
    "collector_records": "Records made durable, by source and format.",
    "collector_bytes": "Bytes received, by source.",
    "collector_unparsed": "Records kept as received because no parser understood them.",
    "collector_dropped": "Records lost or refused, by source and reason.",
    "collector_truncated": "Records cut at the line limit.",
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


def use_metrics_folder(folder: Path, *, fresh: bool = False) -> None:
    """Keep this process's and its children's signals in ``folder``; ``fresh`` drops those of earlier runs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if fresh:
        for old in folder.glob("*.db"):
            old.unlink(missing_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def exposition() -> bytes:
    """All processes' signals in Prometheus' text format (0.0.4)."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def log_to(stream: Any = None, level: str = "info", role: str = "") -> None:
    """One JSON object a line: ``at`` (RFC 3339), ``level``, ``role``, ``event``, and what belongs to it."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[_Forward()], force=True)


class _Forward(logging.Handler):
    """Log records of libraries become our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(library=record.name)
        getattr(log, record.levelname.lower(), log.error)(record.getMessage(), exc_info=record.exc_info)
