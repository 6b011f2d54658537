"""WSO2 API Manager: analytics events and access lines."""

import json
from collections.abc import Callable

import pytest

from collector.parsers import wso2
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
RESPONSE = json.dumps(
    {
        "eventType": "response",
        "apiName": "CSDL-DânCư",
        "apiMethod": "GET",
        "apiResourceTemplate": "/congdan/{cccd}",
        "applicationName": "mot-cua",
        "userIp": "203.0.113.9",
        "userName": "UNKNOWN",
        "proxyResponseCode": 200,
        "targetResponseCode": "200",
        "requestTimestamp": "2026-11-21T02:30:00.123Z",
        "properties": {"responseSize": 48213, "records": "500", "consumerKey": "k1"},
    }
)
FAULT = '[2026-11-21 09:30:00,123]  INFO {x} - apimMetrics: apim:faulty, properties :{"apiName":"A","errorCode":900901}'
ACCESS = '10.0.0.1 - lan [21/Nov/2026:09:30:00 +0700] "GET /congdan/1.0/tra-cuu?cccd=012 HTTP/1.1" 200 123 "-" "curl" 0.012'


def test_response() -> None:
    """An analytics event gives API, application, caller, sizes as numbers; UNKNOWN is absent."""
    parsed = wso2.parse(RESPONSE, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "event_type": "response",
            "api": "CSDL-DânCư",
            "api_method": "GET",
            "application": "mot-cua",
            "src_ip": "203.0.113.9",
            "response_code": 200,
            "backend_code": 200,
            "response_size": 48213,
            "records": 500,
            "token": "k1",
            "cs-uri-stem": "/congdan/{cccd}",
        }.items()
    )
    assert "user" not in parsed.fields
    assert parsed.happened_at == 1_795_228_200_123_000
    assert parsed.logsource == LogSource(product="wso2", service="api_manager")


def test_fault_and_access() -> None:
    """A logged fault is found after its prefix; an access line gives the same names."""
    fields = wso2.parse(FAULT, CONTEXT).fields
    assert (fields["event_type"], fields["error_code"]) == ("fault", 900901)
    parsed = wso2.parse(ACCESS, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "src_ip": "10.0.0.1",
            "user": "lan",
            "api_method": "GET",
            "response_code": 200,
            "response_size": 123,
            "cs-uri-query": "cccd=012",
        }.items()
    )
    assert (parsed.format, parsed.logsource.product) == ("wso2", "wso2")


@pytest.mark.parametrize("text", ["", "{}", '{"apiName": "x"}', "properties :{", "hello"])
def test_others_are_refused(text: str) -> None:
    """What is neither is refused."""
    with pytest.raises(ParseError):
        wso2.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None], hostile_objects: Callable[..., None]) -> None:
    """Any text or object gives a result or ParseError, and soon."""
    hostile(wso2.parse, (ACCESS, FAULT, RESPONSE))
    hostile_objects(wso2, (RESPONSE,))
