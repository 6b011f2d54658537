"""An incident as the national API takes it: the body of a report, and its bytes. Pure.

Indicators and excerpts only, never bulk logs: at most 20 excerpts of 500 characters. Identity numbers (12-digit CCCD) and
Vietnamese telephone numbers are masked in every free text and account name; the last three digits stay, so that two reports
about the same person can be told apart.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from model import Entity, Incident, System
from model.moment import to_rfc3339
from notifier.severity import techniques

EXCERPTS, EXCERPT = 20, 500
ALERTS, ENTITIES, SYSTEMS, TECHNIQUES = 200, 200, 50, 100
TEXT = 1_000

# Bounded and without nested repeats: linear in the text.
_CCCD = re.compile(r"(?<!\d)\d{3} ?\d{3} ?\d{3} ?\d{3}(?!\d)")
_PHONE = re.compile(r"(?<![\w.])(?:\+84|84|0)[ .-]?[2-9]\d{1,2}[ .-]?\d{3,4}[ .-]?\d{3,4}(?!\d)")


def mask(text: str) -> str:
    """``text`` with identity and telephone numbers masked but for their last three digits."""
    return _PHONE.sub(_hide, _CCCD.sub(_hide, text))


def _hide(match: re.Match[str]) -> str:
    digits = [c for c in match.group() if c.isdecimal()]
    if len(digits) < 10:
        return match.group()
    return "•" * (len(digits) - 3) + "".join(digits[-3:])


def body(incident: Incident, *, profile: str, systems: Mapping[str, System] | None = None) -> dict[str, Any]:
    """The request body of this revision, JSON values only. Lists are cut; ``*_total`` says how many there were.

    ``profile`` is the legal profile's name; ``systems`` the register, for names and levels.
    """
    register = systems or {}
    return {
        "local_id": incident.id,
        "revision": incident.revision,
        "profile": profile,
        "severity": incident.severity,
        "kind": incident.kind,
        "title": _text(incident.title, TEXT),
        "why": _text(incident.why, TEXT),
        "detected_at": to_rfc3339(incident.detected_at),
        "first_at": to_rfc3339(incident.first_at),
        "last_at": to_rfc3339(incident.last_at),
        "systems": [_system(code, register.get(code)) for code in incident.systems[:SYSTEMS]],
        "systems_total": len(incident.systems),
        "entities": [_entity(e) for e in incident.entities[:ENTITIES]],
        "entities_total": len(incident.entities),
        "alerts": [
            {
                "id": _plain(a.id, 100),
                "rule": _plain(a.rule, 200),
                "title": _text(a.title, 300),
                "level": a.level,
                "happened_at": to_rfc3339(a.happened_at),
                "count": a.count,
            }
            for a in incident.alerts[:ALERTS]
        ],
        "alerts_total": len(incident.alerts),
        "techniques": list(techniques(f"attack.{t}" for t in incident.techniques)[:TECHNIQUES]),
        "evidence": excerpts(incident.evidence),
        "tlp": "TLP:AMBER",
    }


def excerpts(evidence: Sequence[str]) -> list[str]:
    """The first EXCERPTS lines, masked, then cut at EXCERPT characters."""
    return [_text(line, EXCERPT) for line in evidence[:EXCERPTS]]


def canonical(value: Any) -> bytes:
    """One byte string for one JSON value: keys sorted, no white space, UTF-8. What is hashed, signed and sent."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _text(text: str, length: int) -> str:
    return _plain(mask(text), length)


def _plain(text: str, length: int) -> str:
    # NUL and lone surrogates have no place in a document others must store.
    clean = text.encode("utf-8", "replace").decode().replace("\0", "�")
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def _entity(entity: Entity) -> dict[str, str]:
    # Twelve digits within a hash are no identity number: only names of people are masked.
    value = _text(entity.value, 300) if entity.kind == "user" else _plain(entity.value, 300)
    return {"kind": _plain(entity.kind, 40), "value": value}


def _system(code: str, system: System | None) -> dict[str, Any]:
    if system is None:
        return {"code": _plain(code, 100)}
    return {"code": code, "name": system.name, "level": system.level}
