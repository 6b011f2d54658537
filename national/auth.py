"""Who asks: an organisation by its key, or the national operator by a token."""

import hashlib
import hmac
from collections.abc import Sequence

import msgspec
from aiohttp import web

from model import ConfigError, Micros
from model.moment import HOUR
from national.problems import Refusal

COOKIE = "national_session"
SESSION: Micros = 12 * HOUR


class Organisation(msgspec.Struct, frozen=True):
    """A province as the national side knows it. ``code`` is 2–8 capital letters, part of every national id (``CM``).

    ``key_sha256`` is ``hash_key`` of its key: the key itself is not kept here.
    """

    code: str
    name: str
    key_sha256: str
    active: bool = True


def hash_key(key: str) -> str:
    """What is kept of a key. Keys are long and random, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


class Doors:
    """Checks credentials. Refusal 401 without a known one, 403 when it does not open this door."""

    def __init__(self, organisations: Sequence[Organisation], operator_token: str) -> None:
        for each in organisations:
            if not (each.code.isascii() and each.code.isalpha() and each.code.isupper() and 2 <= len(each.code) <= 8):
                raise ConfigError(f"organisation code {each.code!r}: write it as 2 to 8 capital letters")
        if len({o.code for o in organisations}) < len(organisations):
            raise ConfigError("two organisations have the same code; give each its own")
        if len(operator_token) < 16:
            raise ConfigError("the operator's token is shorter than 16 characters; make a longer one")
        self._organisations = {o.key_sha256: o for o in organisations}
        self.names = {o.code: o.name for o in organisations}
        self._token = operator_token.encode()

    def organisation(self, request: web.Request) -> Organisation:
        """The organisation whose key the request carries."""
        key = _bearer(request)
        found = self._organisations.get(hash_key(key))
        if found is None:
            if self._is_operator(key):
                raise Refusal(403, "The operator's token reads the pages; reports need an organisation's key.")
            raise _unknown()
        if not found.active:
            raise Refusal(403, f"The key of {found.code} is suspended; ask the national operator.")
        return found

    def operator(self, request: web.Request) -> None:
        """Let the operator pass, by bearer token."""
        key = _bearer(request)
        if not self._is_operator(key):
            if hash_key(key) in self._organisations:
                raise Refusal(403, "An organisation's key does not open this; use the operator's token.")
            raise _unknown()

    def opens(self, token: str) -> bool:
        """Whether ``token`` is the operator's."""
        return self._is_operator(token)

    def session(self, now: Micros) -> str:
        """A cookie value good for SESSION."""
        until = str(now + SESSION)
        return f"{until}.{self._seal(until)}"

    def has_session(self, request: web.Request, now: Micros) -> bool:
        """Whether the request carries a good session cookie."""
        until, _, seal = request.cookies.get(COOKIE, "").partition(".")
        good = hmac.compare_digest(seal.encode(errors="replace"), self._seal(until).encode())
        return good and until.isdecimal() and int(until) > now

    def _seal(self, until: str) -> str:
        return hmac.new(self._token, b"session:" + until.encode(errors="replace"), "sha256").hexdigest()

    def _is_operator(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(errors="replace"), self._token)


def _bearer(request: web.Request) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise _unknown()
    return key.strip().encode("utf-8", "replace").decode()


def _unknown() -> Refusal:
    return Refusal(
        401, "Send a known key as Authorization: Bearer <key>.", headers={"WWW-Authenticate": 'Bearer realm="national"'}
    )
