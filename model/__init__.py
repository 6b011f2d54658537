"""The nouns of the house: frozen values that cross rooms, and the error tree. Depends on nothing of ours.

Flow: RawRecord → Event → Match → Alert → Incident → Delivery.
"""

from model.alert import LEVELS, Alert, Entity, Evidence, Level, rank
from model.errors import (
    BackboneError,
    ConfigError,
    ConflictError,
    CorruptError,
    DeliveryError,
    FullError,
    ParseError,
    Problem,
    ProblemsError,
    QueryError,
    RefusedError,
    RetryError,
    RuleError,
    VonggacError,
)
from model.event import Event, LogSource, RawRecord, event_id
from model.incident import AlertLine, Delivery, DeliveryState, Incident, Receipt, Severity
from model.moment import Micros
from model.system import Expected, System

__all__ = [
    "LEVELS",
    "Alert",
    "AlertLine",
    "BackboneError",
    "ConfigError",
    "ConflictError",
    "CorruptError",
    "Delivery",
    "DeliveryError",
    "DeliveryState",
    "Entity",
    "Event",
    "Evidence",
    "Expected",
    "FullError",
    "Incident",
    "Level",
    "LogSource",
    "Micros",
    "ParseError",
    "Problem",
    "ProblemsError",
    "QueryError",
    "RawRecord",
    "Receipt",
    "RefusedError",
    "RetryError",
    "RuleError",
    "Severity",
    "System",
    "VonggacError",
    "event_id",
    "rank",
]
