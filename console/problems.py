"""Errors as problem documents (RFC 9457)."""

import msgspec
from aiohttp import web


def problem(status: int, title: str, detail: str = "") -> web.Response:
    """An ``application/problem+json`` answer."""
    body = {"type": "about:blank", "title": title, "status": status} | ({"detail": detail} if detail else {})
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/problem+json")
