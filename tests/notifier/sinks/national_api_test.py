"""The client of the national API against servers that answer oddly."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from model import ConfigError, RefusedError, RetryError
from notifier.sinks.national_api import NationalApi
from notifier.sinks.sink import Parcel

KEY = "secret-key-of-the-province-0001"
PARCEL = Parcel("i", 1, "i:1", b"{}")
GOOD = (
    b'{"receipt":{"national_id":"n","incident":"i","revision":1,"body_sha256":"x","received_at":"t","key":"k","signature":"s"}}'
)


@asynccontextmanager
async def server(answer: Any, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def outcome(answer: Any, parcel: Parcel = PARCEL, **settings: Any) -> Any:
    """What ``deliver`` gives or raises against a server that answers so."""
    async with server(answer) as url:
        sink = NationalApi(url=url, key=KEY, **settings)
        try:
            return await sink.deliver(parcel)
        except (RetryError, RefusedError) as error:
            assert (KEY not in repr(error) and error.__cause__ is None) or KEY not in repr(error.__cause__)
            return error
        finally:
            await sink.close()


def fixed(status: int, body: bytes = b"{}", kind: str = "application/json", **headers: str) -> Any:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={"Content-Type": kind, **headers})

    return answer


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (422, "application/problem+json", RefusedError),
        (404, "application/problem+json", RefusedError),
        (409, "application/problem+json", RefusedError),
        (401, "application/problem+json", RetryError),
        (403, "application/problem+json", RetryError),
        (429, "application/problem+json", RetryError),
        (503, "application/problem+json", RetryError),
        (404, "text/html", RetryError),
        (422, "text/html", RetryError),
        (302, "text/html", RetryError),
        (204, "application/json", RetryError),
    ],
)
async def test_only_the_api_itself_can_refuse(status: int, kind: str, expected: type[Exception]) -> None:
    """A problem document refuses; keys, storms and whatever a proxy in between says do not."""
    assert type(await outcome(fixed(status, b'{"detail":"why"}', kind))) is expected


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"\xff", b"[]", b'{"receipt":{}}', b"[" * 100_000, b"x" * 2_000_000])
async def test_an_answer_without_receipt_is_none(body: bytes) -> None:
    """Success without a readable receipt is tried again; a huge answer is not read to its end."""
    assert type(await outcome(fixed(201, body))) is RetryError


async def test_wish_and_reason_are_passed_on() -> None:
    """Retry-After and the problem's detail reach the schedule and the person."""
    error = await outcome(fixed(429, b'{"detail":"storm"}', "application/problem+json", **{"Retry-After": "17"}))
    assert error.retry_after == 17 and "storm" in str(error)
    assert (await outcome(fixed(503, b"", "text/plain", **{"Retry-After": "soon"}))).retry_after is None


async def test_first_and_later_revisions() -> None:
    """POST without, PATCH with a national id; key, precondition and the very bytes go along."""
    seen: list[tuple[str, str, Any, Any, Any, bytes]] = []

    async def answer(request: web.Request) -> web.Response:
        h = request.headers
        body = await request.read()
        seen.append((request.method, request.path, h["Idempotency-Key"], h.get("If-Match"), h["Authorization"], body))
        return web.Response(status=201, body=GOOD)

    await outcome(answer)
    await outcome(answer, Parcel("i", 3, "i:3", b'{"revision":3}', "VN-2026-CM-000001", 2))
    bearer = f"Bearer {KEY}"
    assert seen == [
        ("POST", "/api/v1/incidents", "i:1", None, bearer, b"{}"),
        ("PATCH", "/api/v1/incidents/VN-2026-CM-000001", "i:3", '"2"', bearer, b'{"revision":3}'),
    ]


async def test_silence_is_a_retry() -> None:
    """A server that never answers, and one that is not there, are tried again."""

    async def silent(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    assert type(await outcome(silent, timeout=0.1)) is RetryError
    async with server(fixed(200)) as url:
        pass
    sink = NationalApi(url=url, key=KEY)
    with pytest.raises(RetryError, match="cannot be reached"):
        await sink.keys()
    await sink.close()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for 127.0.0.1 and a server context with it."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "national")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "c.pem", folder / "k.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


async def test_certificates_are_verified(tmp_path: Path) -> None:
    """Over https an unknown certificate is not talked to; the one in ``ca`` is."""
    pem, context = certificate(tmp_path)
    async with server(fixed(201, GOOD), context) as url:
        stranger, friend = NationalApi(url=url, key=KEY), NationalApi(url=url, key=KEY, ca=str(pem))
        with pytest.raises(RetryError, match="Certificate"):
            await stranger.deliver(PARCEL)
        assert (await friend.deliver(PARCEL)).national_id == "n"
        await stranger.close()
        await friend.close()


@pytest.mark.parametrize(("url", "key"), [("ftp://x", KEY), ("http://", KEY), ("x", KEY), ("http://x", ""), ("http://x", "a\nb")])
def test_bad_settings_are_said(url: str, key: str) -> None:
    """An address or key that cannot work is a configuration error that does not show the key."""
    with pytest.raises(ConfigError) as raised:
        NationalApi(url=url, key=key)
    assert "national API" in str(raised.value) and "a\nb" not in str(raised.value)


async def test_keys_that_lie_about_their_name_are_left_out() -> None:
    """A listed key counts only under the hash of itself."""
    listed = b'{"keys":[{"id":"0000000000000000","alg":"Ed25519","public_key":"' + b"A" * 43 + b'="}]}'
    async with server(fixed(200, listed)) as url:
        sink = NationalApi(url=url, key=KEY)
        assert await sink.keys() == {}
        await sink.close()
