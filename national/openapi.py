"""The OpenAPI 3.1 document, made of the models that check the requests."""

from typing import Any

import yaml
from pydantic.json_schema import models_json_schema

from national.faults import Faults
from national.problems import MEDIA_TYPE, TITLES
from national.schema import Report

REF = "#/components/schemas/{model}"
ABOUT = """Mô phỏng. Trung tâm giám sát an toàn không gian mạng quốc gia không công bố API nào; đây là giao diện do dự án \
Vọng Gác tự thiết kế để thử nghiệm trọn vẹn việc báo cáo sự cố.

A simulation. The national cyber-monitoring centre publishes no API; this one is of our own design, so that reporting can be
proven end to end. Errors are RFC 9457 problem documents. Receipts are Ed25519 (RFC 8032) over the canonical JSON (keys
sorted, no white space, UTF-8) of the receipt without `signature`; the keys are at `GET /api/v1/keys`."""

Security = list[dict[str, list[str]]]
TEXT = {"type": "string"}
MOMENT = {"type": "string", "format": "date-time"}


def document() -> dict[str, Any]:
    """The whole document, JSON values only."""
    _, made = models_json_schema([(Report, "validation"), (Faults, "validation")], ref_template=REF)
    schemas = dict(made["$defs"])
    schemas["Revision"] = {**schemas["Report"], "title": "Revision", "required": ["revision"], "description": CHANGES}
    schemas |= _answers()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "National monitoring API (simulation) / API giám sát quốc gia (mô phỏng)",
            "version": "1.0.0",
            "description": ABOUT,
        },
        "servers": [{"url": "/"}],
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "organisation": {"type": "http", "scheme": "bearer", "description": "An organisation's key."},
                "operator": {"type": "http", "scheme": "bearer", "description": "The operator's token."},
            },
        },
    }


def as_yaml() -> str:
    """The document as YAML."""
    return yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)


CHANGES = "Members of the report that change, and the number of the new revision. local_id and detected_at (T0) never change."


def _object(properties: dict[str, Any], required: str = "") -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required.split() or list(properties)}


def _answers() -> dict[str, Any]:
    whole = {"type": "integer"}
    outline: dict[str, Any] = {"national_id": TEXT, "local_id": TEXT, "revision": whole, "severity": TEXT, "kind": TEXT}
    outline |= {"title": TEXT, "detected_at": MOMENT, "received_at": MOMENT, "updated_at": MOMENT}
    outline |= {"notice_seconds": {"type": "number", "description": "From T0 to the first report's receipt."}}
    receipt: dict[str, Any] = {"national_id": TEXT, "incident": TEXT, "revision": whole, "body_sha256": TEXT}
    receipt |= {"received_at": MOMENT, "key": TEXT, "signature": TEXT}
    key = _object({"id": TEXT, "alg": {"const": "Ed25519"}, "public_key": TEXT})
    place = _object({"pointer": TEXT, "detail": TEXT})
    problem: dict[str, Any] = {"type": TEXT, "title": TEXT, "status": whole, "detail": TEXT, "errors": _list(place)}
    problem |= {"national_id": TEXT, "revision": whole}
    counts = {"type": "object", "additionalProperties": whole}
    return {
        "Receipt": _object(receipt),
        "Receipted": _object({"national_id": TEXT, "revision": whole, "receipt": _ref("Receipt")}),
        "Outline": _object(outline),
        "Incident": _object(outline | {"report": _ref("Report"), "receipts": _list(_ref("Receipt"))}),
        "Page": _object({"incidents": _list(_ref("Outline")), "next": {"type": ["string", "null"]}}),
        "Keys": _object({"keys": _list(key)}),
        "Clock": _object({"now": MOMENT, "local": TEXT, "zone": TEXT}),
        "FaultState": _object({"faults": _ref("Faults"), "counts": counts}),
        "Problem": _object(problem, "type title status detail"),
    }


def _paths() -> dict[str, Any]:
    id = {"name": "id", "in": "path", "required": True, "schema": TEXT, "description": "National id, VN-2026-CM-000123."}
    key_schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"}
    key = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": key_schema}
    match = {"name": "If-Match", "in": "header", "required": True, "schema": TEXT}
    query = [
        _query("updated_after", MOMENT, "Only what changed later."),
        _query("cursor", {"type": "string", "pattern": "^[0-9]{1,15}$"}, "`next` of the page before."),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 200}, "How many, 200 when left out."),
    ]
    body = {"Report": _body("Report"), "Revision": _body("Revision"), "Faults": _body("Faults")}
    sent = [400, 401, 403, 411, 413, 415, 422, 428, 429, 503]
    read = [400, 401, 403, 429, 503]
    etag = {"ETag": {"schema": TEXT, "description": "The revision, quoted."}}
    replay = {"Idempotent-Replayed": {"schema": {"const": "true"}, "description": "The answer was given before."}}
    location = {"Location": {"schema": TEXT}}
    organisation: Security = [{"organisation": []}]
    operator: Security = [{"operator": []}]
    return {
        "/api/v1/incidents": {
            "post": {
                "operationId": "submitIncident",
                "summary": "Report an incident / Báo cáo sự cố",
                "security": organisation,
                "parameters": [key],
                "requestBody": body["Report"],
                "responses": _responses(201, "Receipted", [*sent, 409], etag | replay | location),
            },
            "get": {
                "operationId": "listIncidents",
                "summary": "Your incidents in the order they changed / Các sự cố đã báo cáo",
                "security": organisation,
                "parameters": query,
                "responses": _responses(200, "Page", read),
            },
        },
        "/api/v1/incidents/{id}": {
            "parameters": [id],
            "get": {
                "operationId": "showIncident",
                "summary": "One incident with its receipts / Một sự cố và các biên nhận",
                "security": organisation,
                "responses": _responses(200, "Incident", [*read, 404], etag),
            },
            "patch": {
                "operationId": "reviseIncident",
                "summary": "A later revision / Cập nhật sự cố",
                "security": organisation,
                "parameters": [key, match],
                "requestBody": body["Revision"],
                "responses": _responses(200, "Receipted", [*sent, 404, 409, 412], etag | replay),
            },
        },
        "/api/v1/keys": {"get": _open("listKeys", "Public keys of the receipts / Khoá công khai", "Keys")},
        "/api/v1/clock": {"get": _open("readClock", "This side's clock / Đồng hồ", "Clock")},
        "/simulation/faults": {
            "get": {
                "operationId": "showFaults",
                "summary": "Faults now on, and how many were made / Lỗi đang mô phỏng",
                "security": operator,
                "responses": _responses(200, "FaultState", [401, 403]),
            },
            "post": {
                "operationId": "setFaults",
                "summary": "Switch faults on or off; what is left out is off / Bật, tắt lỗi mô phỏng",
                "security": operator,
                "requestBody": body["Faults"],
                "responses": _responses(200, "FaultState", [401, 403, 411, 413, 415, 422]),
            },
        },
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": REF.format(model=name)}


def _query(name: str, schema: dict[str, Any], about: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": about}


def _body(name: str) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _ref(name)}}}


def _responses(status: int, name: str, problems: list[int], headers: dict[str, Any] | None = None) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done / Đã xong", "content": {"application/json": {"schema": _ref(name)}}}
    if headers:
        good["headers"] = headers
    bad = {"content": {MEDIA_TYPE: {"schema": _ref("Problem")}}}
    return {str(status): good} | {str(code): {"description": TITLES[code][1], **bad} for code in sorted(problems)}


def _open(operation: str, summary: str, name: str) -> dict[str, Any]:
    return {"operationId": operation, "summary": summary, "security": [], "responses": _responses(200, name, [])}
