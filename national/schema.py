"""What a report must look like. The same models check requests and make the OpenAPI document."""

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import from_json

from model import Micros
from model.moment import from_rfc3339
from national.problems import Refusal

Kind = Literal[
    "ransomware",
    "destruction",
    "data_theft",
    "defacement",
    "denial_of_service",
    "malware",
    "phishing",
    "unauthorised_access",
    "combined",
    "other",
]
"""Attack types of Decision 05/2017/QĐ-TTg."""
KINDS: tuple[str, ...] = get_args(Kind)

SHOWN = 50
"""Most problems one answer lists."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def moment(text: str) -> Micros:
    """RFC 3339 with an offset → microseconds; ValueError when it is none."""
    if len(text) > 40 or not _MOMENT.fullmatch(text):
        raise ValueError("not an RFC 3339 time with an offset, such as 2026-11-21T09:30:00Z")
    try:
        return from_rfc3339(text.upper())
    except OverflowError as error:
        raise ValueError("a time outside the years 1 to 9999") from error


def _moment(text: str) -> str:
    moment(text)
    return text


Moment = Annotated[str, AfterValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40})]
Code = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Excerpt = Annotated[str, StringConstraints(max_length=500)]
Technique = Annotated[str, StringConstraints(pattern=r"^T[0-9]{4}(\.[0-9]{3})?$")]
Total = Annotated[int, Field(ge=0, le=2**31 - 1)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Part(BaseModel):
    """Base: exact types, no unknown members."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SystemPart(Part):
    """An information system that is touched; level 1–5 by Decree 331 Art. 11–15."""

    code: Code
    name: Annotated[str, StringConstraints(max_length=300)] = ""
    level: Annotated[int, Field(ge=1, le=5)] | None = None


class EntityPart(Part):
    """Somebody or something involved: kind (ip, user, host, hash, domain, token, source) and value."""

    kind: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    value: Annotated[str, StringConstraints(max_length=300)]


class AlertPart(Part):
    """An alert the incident rests on."""

    id: Code
    rule: Annotated[str, StringConstraints(max_length=200)]
    title: Annotated[str, StringConstraints(max_length=300)]
    level: Literal["informational", "low", "medium", "high", "critical"]
    happened_at: Moment
    count: Number


class Report(Part):
    """An incident as an organisation reports it. ``detected_at`` is T0 of the legal clock and never changes."""

    local_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,100}$")]
    revision: Number
    profile: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    severity: Literal["M1", "M2", "M3", "M4"]
    kind: Kind
    title: Title
    why: Annotated[str, StringConstraints(max_length=1000)] = ""
    detected_at: Moment
    first_at: Moment
    last_at: Moment
    systems: Annotated[list[SystemPart], Field(max_length=50)] = []
    systems_total: Total = 0
    entities: Annotated[list[EntityPart], Field(max_length=200)] = []
    entities_total: Total = 0
    alerts: Annotated[list[AlertPart], Field(min_length=1, max_length=200)]
    alerts_total: Total = 0
    techniques: Annotated[list[Technique], Field(max_length=100)] = []
    evidence: Annotated[list[Excerpt], Field(max_length=20)] = []
    tlp: Literal["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT"] = "TLP:AMBER"

    @model_validator(mode="after")
    def _ordered(self) -> "Report":
        if moment(self.first_at) > moment(self.last_at):
            raise ValueError("first_at is later than last_at")
        return self


def read_report(body: bytes) -> Report:
    """The report in a request body; Refusal 422 naming every problem by JSON Pointer."""
    try:
        return Report.model_validate_json(body)
    except ValidationError as error:
        raise refusal(error) from error


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a request body; Refusal 422 when it is none."""
    try:
        value = from_json(body)
    except ValueError as error:
        raise Refusal(422, "The body is not JSON.", errors=[{"pointer": "", "detail": str(error)[:200]}]) from error
    if not isinstance(value, dict):
        raise Refusal(422, "The body is not a JSON object.", errors=[{"pointer": "", "detail": "not an object"}])
    return value


def refusal(error: ValidationError) -> Refusal:
    """The 422 that names every problem, at most SHOWN, by JSON Pointer."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    listed = [{"pointer": _pointer(e["loc"]), "detail": e["msg"][:200]} for e in found[:SHOWN]]
    return Refusal(422, f"The body has {len(found)} problem(s); each is listed with its place.", errors=listed)


def _pointer(place: tuple[int | str, ...]) -> str:
    return "".join("/" + str(p)[:200].replace("~", "~0").replace("/", "~1") for p in place)
