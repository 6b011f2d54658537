"""What people and programs are shown: values as plain JSON objects, times as RFC 3339 in UTC.

Used by the command line and the API.
"""

from typing import Any

import msgspec

from model.alert import Alert
from model.event import Event
from model.incident import Delivery, Incident
from model.moment import Micros, to_rfc3339


def alert_view(alert: Alert) -> dict[str, Any]:
    """An alert as ``vonggac alerts --json`` and the API give it."""
    return {
        "id": alert.id,
        "revision": alert.revision,
        "rule": alert.rule,
        "title": alert.title,
        "level": alert.level,
        "entities": msgspec.to_builtins(alert.entities),
        "count": alert.count,
        "systems": list(alert.systems),
        "happened_at": to_rfc3339(alert.happened_at),
        "received_at": to_rfc3339(alert.received_at),
        "stored_at": to_rfc3339(alert.stored_at),
        "detected_at": to_rfc3339(alert.detected_at),
        "last_at": to_rfc3339(alert.last_at),
        "group": dict(alert.group),
        "tags": list(alert.tags),
        "description": alert.description,
        "title_vi": alert.title_vi,
        "response": {"vi": alert.response[0], "en": alert.response[1]},
        "evidence": [
            {
                "event": e.event,
                "happened_at": to_rfc3339(e.happened_at),
                "system": e.system,
                "host": e.host,
                "excerpt": e.excerpt,
            }
            for e in alert.evidence
        ],
    }


def incident_view(incident: Incident, delivery: Delivery | None) -> dict[str, Any]:
    """An incident with how far its delivery has come. ``alerts`` are the ids, ``alert_lines`` what they say."""
    return {
        "id": incident.id,
        "revision": incident.revision,
        "severity": incident.severity,
        "kind": incident.kind,
        "title": incident.title,
        "why": incident.why,
        "systems": list(incident.systems),
        "entities": msgspec.to_builtins(incident.entities),
        "alerts": [a.id for a in incident.alerts],
        "alert_lines": [{**msgspec.to_builtins(a), "happened_at": to_rfc3339(a.happened_at)} for a in incident.alerts],
        "techniques": list(incident.techniques),
        "detected_at": to_rfc3339(incident.detected_at),
        "first_at": to_rfc3339(incident.first_at),
        "last_at": to_rfc3339(incident.last_at),
        "evidence": list(incident.evidence),
        "delivery": delivery.state if delivery else "none",
        "attempts": delivery.attempts if delivery else 0,
        "delivery_error": delivery.last_error if delivery else "",
        "national_id": (delivery.national_id or None) if delivery else None,
        "receipt": msgspec.to_builtins(delivery.receipt) if delivery and delivery.receipt else None,
    }


def event_view(event: Event, stored_at: Micros) -> dict[str, Any]:
    """A stored event with its fields."""
    return {
        "id": event.id,
        "happened_at": to_rfc3339(event.happened_at),
        "received_at": to_rfc3339(event.received_at),
        "stored_at": to_rfc3339(stored_at),
        "system": event.system,
        "host": event.host,
        "source": event.source,
        "peer": event.peer,
        "format": event.format,
        "logsource": msgspec.to_builtins(event.logsource),
        "fields": event.fields,
        "tags": list(event.tags),
        "original": event.original,
    }
