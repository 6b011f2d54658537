"""The JSON API over real HTTP."""

import asyncio
import hashlib
import json
from typing import Any

import pytest

from model import Receipt
from notifier.receipts import fault, read_key

PLACE = "/api/v1/incidents"


async def test_submission_is_receipted(national: Any, report: Any) -> None:
    """201 with national id, location, entity tag and a receipt that anybody can verify with the published key."""
    body = json.dumps(report()).encode()
    status, headers, said = await national.submit(body)
    assert (status, said["national_id"], headers["ETag"]) == (201, "VN-2026-CM-000001", '"1"')
    assert headers["Location"] == "/api/v1/incidents/VN-2026-CM-000001"
    _, _, listed = await national.ask("GET", "/api/v1/keys", org="")
    keys = {k["id"]: read_key(k["public_key"]) for k in listed["keys"]}
    receipt = Receipt(**said["receipt"])
    assert fault(receipt, incident="i1", revision=1, body=body, keys=keys) == ""
    assert receipt.body_sha256 == hashlib.sha256(body).hexdigest()


async def test_repeat_replays(national: Any, report: Any) -> None:
    """The same key and body give the same answer, marked as replayed, also to many at once; nothing is stored twice."""
    answers = await asyncio.gather(*(national.submit(report()) for _ in range(20)))
    assert {json.dumps(said) for _, _, said in answers} == {json.dumps(answers[0][2])}
    assert [h.get("Idempotent-Replayed") for _, h, _ in answers].count(None) == 1
    _, _, page = await national.ask("GET", PLACE)
    assert len(page["incidents"]) == 1


async def test_repeat_survives_a_restart(start: Any, report: Any) -> None:
    """A stopped and started server replays the receipt, with the same key."""
    async with start() as first:
        _, _, said = await first.submit(report())
    async with start() as second:
        status, headers, again = await second.submit(report())
    assert (status, again, headers["Idempotent-Replayed"]) == (201, said, "true")


async def test_misused_keys_and_ids(national: Any, report: Any) -> None:
    """Same key, other body: 422. Same local id, other key: 409 naming the incident. Another organisation's are its own."""
    await national.submit(report())
    status, _, said = await national.submit(report(severity="M1"))
    assert status == 422 and "Idempotency-Key" in said["detail"]
    status, _, said = await national.submit(report(), key="k2")
    assert (status, said["national_id"], said["revision"]) == (409, "VN-2026-CM-000001", 1)
    status, _, said = await national.submit(report(), org="HD")
    assert (status, said["national_id"]) == (201, "VN-2026-HD-000001")


async def test_revision(national: Any, report: Any) -> None:
    """A later revision changes what it names, keeps the rest, and has a receipt of its own; a repeat is replayed."""
    _, _, first = await national.submit(report())
    id = first["national_id"]
    for _ in range(2):
        status, headers, said = await national.revise(id, {"revision": 4, "severity": "M1"}, '"1"', "k2")
        assert (status, said["revision"], headers["ETag"]) == (200, 4, '"4"')
    assert headers["Idempotent-Replayed"] == "true"
    _, headers, whole = await national.ask("GET", f"{PLACE}/{id}")
    assert headers["ETag"] == '"4"' and (whole["severity"], whole["report"]["kind"]) == ("M1", "malware")
    assert [r["revision"] for r in whole["receipts"]] == [1, 4]


@pytest.mark.parametrize(
    ("changes", "match", "status", "pointer"),
    [
        ({"revision": 2}, '"7"', 412, None),
        ({"revision": 2}, "nonsense", 412, None),
        ({"revision": 1}, '"1"', 409, None),
        ({"revision": 2, "detected_at": "2026-11-21T00:00:01Z"}, "*", 422, "/detected_at"),
        ({"revision": 2, "local_id": "other"}, "*", 422, "/local_id"),
        ({"revision": 2, "kind": "mischief"}, "*", 422, "/kind"),
        ({"revision": 2, "alerts": None}, "*", 422, "/alerts"),
        ({"severity": "M1"}, "*", 422, "/revision"),
        ([1], "*", 422, ""),
        ({"revision": 2, "detected_at": "2026-11-21T07:00:00+07:00"}, "*", 200, None),
    ],
)
async def test_revisions_that_are_refused(
    national: Any, report: Any, changes: Any, match: str, status: int, pointer: Any
) -> None:
    """A stale precondition, an old number, another T0 and anything against the schema leave the incident as it was."""
    _, _, first = await national.submit(report())
    got, _, said = await national.revise(first["national_id"], changes, match, "k2")
    assert got == status
    if pointer is not None:
        assert pointer in [e["pointer"] for e in said["errors"]]
    _, _, whole = await national.ask("GET", f"{PLACE}/{first['national_id']}")
    assert whole["revision"] == (2 if status == 200 else 1)


async def test_other_organisations_incidents_do_not_exist(national: Any, report: Any) -> None:
    """Another tenant's id is 404 to read and to change, exactly as one that was never given."""
    _, _, first = await national.submit(report())
    for id in (first["national_id"], "VN-2026-HD-000001"):
        assert (await national.ask("GET", f"{PLACE}/{id}", org="HD"))[0] == 404
        assert (await national.revise(id, {"revision": 2}, "*", "k9", org="HD"))[0] == 404
    assert (await national.ask("GET", PLACE, org="HD"))[2] == {"incidents": [], "next": None}


async def test_pages_of_the_list(national: Any, report: Any) -> None:
    """Pages give every incident once in the order they changed; ``updated_after`` leaves out what is older."""
    for n in range(5):
        national.now += 1_000_000
        await national.submit(report(f"i{n}"), key=f"k{n}")
    got, cursor = [], ""
    while cursor is not None:
        _, _, page = await national.ask("GET", f"{PLACE}?limit=2{cursor and '&cursor=' + cursor}")
        got += [i["local_id"] for i in page["incidents"]]
        cursor = page["next"]
    assert got == ["i0", "i1", "i2", "i3", "i4"]
    _, _, page = await national.ask("GET", f"{PLACE}?updated_after=2026-11-21T07:00:03%2B07:00")
    assert [i["local_id"] for i in page["incidents"]] == ["i3", "i4"]
    for bad in ("limit=0", "limit=x", "limit=201", "cursor=-1", "cursor=%C2%B2", "updated_after=yesterday", "limit="):
        assert (await national.ask("GET", f"{PLACE}?{bad}"))[0] == 400


@pytest.mark.parametrize(
    ("status", "org", "headers", "body"),
    [
        (401, "", {"Idempotency-Key": "k"}, None),
        (401, "wrong", {"Idempotency-Key": "k"}, None),
        (403, "XX", {"Idempotency-Key": "k"}, None),
        (428, "CM", {}, None),
        (400, "CM", {"Idempotency-Key": "k" * 300}, None),
        (413, "CM", {"Idempotency-Key": "k"}, b" " * (1 << 20) + b"x"),
        (415, "CM", {"Idempotency-Key": "k", "Content-Type": "text/xml"}, None),
        (415, "CM", {"Idempotency-Key": "k", "Content-Type": "application/json; charset=utf-16"}, None),
        (415, "CM", {"Idempotency-Key": "k", "Content-Encoding": "gzip"}, None),
        (422, "CM", {"Idempotency-Key": "k"}, b"{"),
        (422, "CM", {"Idempotency-Key": "k"}, b"\xff\xfe"),
        (422, "CM", {"Idempotency-Key": "k"}, b"[" * 50_000),
        (422, "CM", {"Idempotency-Key": "k"}, b'{"revision":' + b"9" * 50_000 + b"}"),
    ],
)
async def test_every_error_is_a_problem_document(
    national: Any, report: Any, status: int, org: str, headers: Any, body: Any
) -> None:
    """RFC 9457, with the right status and nothing stored."""
    sent = {k.replace("-", "_"): v for k, v in headers.items()}
    got, answer, said = await national.ask("POST", PLACE, report() if body is None else body, org, **sent)
    assert got == status == said["status"]
    assert answer["Content-Type"].startswith("application/problem+json") and said["type"].startswith("urn:")
    assert said["title"] and said["detail"]
    assert (await national.ask("GET", PLACE))[2]["incidents"] == []


async def test_errors_of_the_road(national: Any) -> None:
    """Unknown places, wrong methods and bodies of unknown length are problem documents too."""
    status, headers, said = await national.ask("GET", "/api/v2/x")
    assert (status, said["status"], headers["Content-Type"][:24]) == (404, 404, "application/problem+json")
    status, headers, said = await national.ask("DELETE", PLACE)
    assert (status, said["status"]) == (405, 405) and "POST" in headers["Allow"]

    async def parts() -> Any:
        yield b"{}"

    sent = {"Authorization": f"Bearer {national.keys['CM']}", "Idempotency-Key": "k", "Content-Type": "application/json"}
    async with national.session.post(national.base + PLACE, data=parts(), headers=sent) as response:
        assert (response.status, response.content_type) == (411, "application/problem+json")


async def test_rate_limit(start: Any, report: Any) -> None:
    """Over the rate an organisation gets 429 with Retry-After; another one is not touched; after the wait it goes on."""
    async with start(rate=2) as national:
        answers = [await national.submit(report(f"i{n}"), key=f"k{n}") for n in range(6)]
        assert [a[0] for a in answers] == [201] * 4 + [429] * 2
        assert int(answers[-1][1]["Retry-After"]) >= 1
        assert (await national.submit(report(), org="HD"))[0] == 201
        national.now += 1_000_000
        assert (await national.submit(report("i9"), key="k9"))[0] == 201


async def test_t0_in_the_future(national: Any, report: Any) -> None:
    """A detection more than a day ahead of this side's clock is refused with its place."""
    late = "2026-11-23T00:00:00Z"
    status, _, said = await national.submit(report(detected_at=late))
    assert status == 422 and said["errors"][0]["pointer"] == "/detected_at"


async def test_clock_and_health(national: Any) -> None:
    """The clock is readable without a key, in UTC and as people here read it; health says that the store answers."""
    assert (await national.ask("GET", "/api/v1/clock", org=""))[2]["local"] == "21/11/2026 07:00:00"
    assert (await national.ask("GET", "/healthz", org=""))[2] == {"status": "ok"}
