"""An incident, its receipt from the national side, and the delivery of it."""

from typing import Literal

import msgspec

from model.alert import Entity
from model.moment import Micros

Severity = Literal["M1", "M2", "M3", "M4"]
"""Grading of ``law.md``: M1 gravest … M4 registered only."""

DeliveryState = Literal["waiting", "delivered", "refused", "held"]


class AlertLine(msgspec.Struct, frozen=True):
    """An alert as an incident cites it."""

    id: str
    rule: str
    title: str
    level: str
    happened_at: Micros
    count: int
    title_vi: str = ""


class Receipt(msgspec.Struct, frozen=True):
    """What the national API signed: ``signature`` is Ed25519 over the canonical receipt, base64; ``key`` names the key."""

    national_id: str
    incident: str
    revision: int
    body_sha256: str
    received_at: str
    key: str
    signature: str


class Incident(msgspec.Struct, frozen=True):
    """Alerts of linked entities within a window. A later revision has the same ``id``.

    ``detected_at`` is T0 of the legal clock: when its first alert was detected; never changed.
    ``first_at``/``last_at`` span the events' own times. ``kind`` is a code of ``config/legal/`` (``ransomware``, …).
    ``evidence`` holds excerpts, never bulk logs. ``why`` says in a sentence why these alerts belong together.
    """

    id: str
    revision: int
    severity: Severity
    kind: str
    title: str
    why: str
    systems: tuple[str, ...]
    entities: tuple[Entity, ...]
    alerts: tuple[AlertLine, ...]
    detected_at: Micros
    first_at: Micros
    last_at: Micros
    techniques: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


class Delivery(msgspec.Struct, frozen=True):
    """The outbox entry of one incident: what has to reach the national side, and how far it has come.

    ``wanted`` is the newest revision to deliver, ``sent`` the newest acknowledged (0 none yet).
    ``due_at`` is when the next attempt may be made.
    """

    incident: str
    wanted: int
    sent: int = 0
    attempts: int = 0
    due_at: Micros = 0
    state: DeliveryState = "waiting"
    last_error: str = ""
    national_id: str = ""
    receipt: Receipt | None = None
