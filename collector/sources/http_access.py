"""Who may send, how much at a time, and answers as RFC 9457 problems."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from aiohttp import web


class ProblemError(Exception):
    """A request refused: becomes an ``application/problem+json`` answer."""

    def __init__(self, status: int, detail: str, *, retry_after: int | None = None) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(detail)

    def answer(self) -> web.Response:
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Bearer realm="vonggac"'
        return problem(self.status, str(self), headers)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> web.Response:
    """RFC 9457 §3: type, title, status, detail."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/problem+json", headers=headers)


class Keys:
    """``keys`` maps a key's id to the SHA-256 (hex) of the key. Compared in constant time, all of them every time."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = {name: bytes.fromhex(digest) for name, digest in keys.items()}

    def owner(self, request: web.Request) -> str:
        """Id of the key the request carries (``Authorization: Bearer`` or ``X-API-Key``); ProblemError 401 when none fits."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")
        shown, found = sha256(key.encode("utf-8", "surrogateescape")).digest(), ""
        for name, digest in self._keys.items():
            if hmac.compare_digest(shown, digest):
                found = name
        if not key or not found:
            raise ProblemError(401, "A key is needed: Authorization: Bearer KEY, or X-API-Key: KEY.")
        return found
