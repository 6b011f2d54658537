"""WSO2 API Manager: analytics events (``apim_metrics.log``, JSON) and HTTP access lines. Pure.

An analytics line is the JSON object alone, or ``… apimMetrics: apim:response, properties :{…}``. Access lines are the common or
combined log format, as ``http_access_*.log`` has them.
"""

from typing import Any, Final

from collector.parsers import access, times
from collector.parsers.json_lines import decode, flatten
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

Document = dict[str, Any]

SOURCE: Final = LogSource(product="wso2", service="api_manager")
_NAMES: Final = {
    "apiName": "api",
    "apiVersion": "api_version",
    "apiMethod": "api_method",
    "apiContext": "api_context",
    "apiCreator": "api_creator",
    "apiResourceTemplate": "resource",
    "applicationName": "application",
    "applicationOwner": "application_owner",
    "applicationId": "application_id",
    "keyType": "key_type",
    "userName": "user",
    "user": "user",
    "userIp": "src_ip",
    "userAgentHeader": "cs-user-agent",
    "userAgent": "cs-user-agent",
    "proxyResponseCode": "response_code",
    "targetResponseCode": "backend_code",
    "responseLatency": "latency",
    "backendLatency": "backend_latency",
    "eventType": "event_type",
    "errorCode": "error_code",
    "errorMessage": "error_message",
    "errorType": "error_type",
    "correlationId": "correlation_id",
    "destination": "destination",
    "properties.responseSize": "response_size",
    "responseSize": "response_size",
    "properties.records": "records",
    "records": "records",
    "properties.token": "token",
    "properties.tokenHash": "token",
    "properties.consumerKey": "token",
    "tokenHash": "token",
    "token": "token",
    "consumerKey": "token",
    "properties.uri": "uri",
    "requestUri": "uri",
    "properties.userName": "user",
}
_NUMBERS: Final = frozenset(("response_code", "backend_code", "latency", "backend_latency", "response_size", "records"))
_MARK: Final = "properties :"
_HTTP: Final = (("c-ip", "src_ip"), ("cs-username", "user"), ("cs-method", "api_method"), ("sc-status", "response_code"))


def shape(document: Document) -> bool:
    """An analytics event."""
    return "apiName" in document and ("proxyResponseCode" in document or "eventType" in document or "errorCode" in document)


def from_document(document: Document, context: Context) -> Parsed:
    """One analytics event; keys without a name here keep their own."""
    found, cut = flatten(document)
    fields: Document = {}
    for name, value in found.items():
        if value is None or value in ("", "UNKNOWN"):
            continue
        new = _NAMES.get(name, name)
        if new in _NUMBERS and isinstance(value, str) and value.isdecimal() and len(value) < 19:
            value = int(value)
        if new not in fields:
            fields[new] = value
    uri = fields.pop("uri", None) or fields.get("resource")
    if isinstance(uri, str):
        stem, mark, query = uri.partition("?")
        fields["cs-uri-stem"] = stem
        if mark:
            fields["cs-uri-query"] = query
    if "api_method" in fields:
        fields["cs-method"] = fields["api_method"]
    if "event_type" not in fields:
        fields["event_type"] = "fault" if "error_code" in fields else "response"
    at = times.first(document, ("requestTimestamp", "timestamp", "@timestamp"), context.zone)
    fields.setdefault("message", _sentence(fields))
    if cut:
        fields["truncated_fields"] = cut
    return Parsed(
        fields=present(fields),
        happened_at=at,
        logsource=SOURCE,
        format="wso2",
        tags=("field-truncated",) if cut else (),
    )


def parse(text: str, context: Context) -> Parsed:
    """One analytics event as text, or one line of the HTTP access log."""
    told = text.strip()
    start = 0 if told.startswith("{") else told.find(_MARK, 0, 512)
    if start > 0:
        start += len(_MARK)
    if start >= 0:
        document = decode(told[start:].lstrip())
        if not shape(document):
            raise ParseError("a JSON object that is no WSO2 analytics event")
        return from_document(document, context)
    parsed = access.apache(told, context)
    fields = parsed.fields
    for old, new in (*_HTTP, ("sc-bytes", "response_size")):
        if old in fields:
            fields[new] = fields[old]
    return Parsed(fields=present(fields), happened_at=parsed.happened_at, logsource=SOURCE, format="wso2")


def _sentence(fields: Document) -> str:
    names = ("event_type", "api_method", "api", "cs-uri-stem", "response_code", "application", "error_message")
    return " ".join(str(fields[name])[:200] for name in names if name in fields)
