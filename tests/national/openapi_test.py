"""The OpenAPI document is valid, true and survives being used against the server."""

import asyncio
import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from national.openapi import as_yaml, document
from national.schema import Report

KEYS = st.sampled_from([*Report.model_fields, "a/b~c", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        (
            "M1",
            "other",
            "2026-11-21T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "T1059",
            "TLP:RED",
            "\0",
        )
    )
)
JSON = st.recursive(SCALARS, lambda i: st.lists(i, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), i, max_size=5))


async def test_document_is_valid_and_served(national: Any) -> None:
    """OpenAPI 3.1, the same in JSON and YAML, served as such without a key."""
    made = document()
    validate(made, cls=OpenAPIV31SpecValidator)
    assert (await national.ask("GET", "/openapi.json", org=""))[2] == made
    status, headers, text = await national.ask("GET", "/openapi.yaml", org="")
    assert status == 200 and headers["Content-Type"].startswith("application/yaml") and yaml.safe_load(text) == made
    assert yaml.safe_load(as_yaml()) == made
    assert "mô phỏng" in made["info"]["title"] and "simulation" in made["info"]["description"]


async def test_every_described_place_exists(national: Any) -> None:
    """Each path and method of the document is routed: it answers, and never with 404 or 405 of the road."""
    for place, item in document()["paths"].items():
        for method in item.keys() & {"get", "post", "patch"}:
            status, _, said = await national.ask(method.upper(), place.replace("{id}", "VN-2026-CM-000001"), org="")
            assert status in ((200,) if place in ("/api/v1/keys", "/api/v1/clock") else (401,)), (place, method, said)


@pytest.mark.slow
async def test_fuzz_never_breaks_the_server(national: Any, report: Any) -> None:
    """Reports with members replaced by anything, or that are anything, get 201 or a described problem: never a 5xx."""
    described = {int(s) for s in document()["paths"]["/api/v1/incidents"]["post"]["responses"]}
    await national.submit(report("first"), key="first")
    cases = [(b'{"revision":' + b"9" * 5_000 + b"}", "huge"), (b'{"revision":2,"alerts_total":NaN}', "nan")]

    @settings(max_examples=300, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(value=JSON, members=st.dictionaries(KEYS, JSON, max_size=3), key=st.text(st.characters(codec="ascii"), max_size=9))
    def collect(value: Any, members: Any, key: str) -> None:
        cases.append((json.dumps(value).encode(), "k" + "".join(c for c in key if c.isprintable())))
        cases.append((json.dumps(report() | members).encode(), f"m{len(cases)}"))
        cases.append((json.dumps(report() | members, ensure_ascii=False).encode("utf-8", "surrogatepass")[:-3], f"t{len(cases)}"))

    await asyncio.to_thread(collect)
    seen: dict[int, int] = {}
    for body, key in cases:
        status, headers, said = await national.submit(body, key=key)
        seen[status] = seen.get(status, 0) + 1
        assert status in described and status < 500, (status, body)
        assert status == 201 or headers["Content-Type"].startswith("application/problem+json"), said
        status, _, said = await national.revise("VN-2026-CM-000001", body, "*", "p" + key)
        assert status < 500, (status, body, said)
        assert (await national.ask("GET", "/api/v1/incidents"))[0] == 200
    assert seen.keys() >= {201, 422}
