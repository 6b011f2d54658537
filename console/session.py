"""Who may look: one access token for now, exchanged for a session cookie. Pure but for the random session ids."""

import hmac
import secrets
from collections import OrderedDict
from hashlib import sha256

from model import Micros
from model.moment import HOUR, MINUTE

COOKIE = "vonggac_session"
LIFETIME: Micros = 12 * HOUR
MAX_SESSIONS = 1000
TRIES, TRIES_WITHIN = 10, MINUTE
MAX_ADDRESSES = 10_000


class Sessions:
    """Sessions in memory: they end with the process. ``digest`` is the access token's SHA-256 in hex."""

    def __init__(self, digest: str) -> None:
        self._digest = digest
        self._until: OrderedDict[str, Micros] = OrderedDict()
        self._tries: OrderedDict[str, list[Micros]] = OrderedDict()

    def holds_token(self, token: str) -> bool:
        """Whether ``token`` is the access token; takes the same time for every wrong one."""
        return hmac.compare_digest(sha256(token.encode("utf-8", "replace")).hexdigest(), self._digest)

    def may_try(self, address: str, now: Micros) -> bool:
        """Whether ``address`` may try to log in once more; counts the try."""
        recent = [at for at in self._tries.pop(address, ()) if now - at < TRIES_WITHIN]
        allowed = len(recent) < TRIES
        self._tries[address] = [*recent, now] if allowed else recent
        while len(self._tries) > MAX_ADDRESSES:
            self._tries.popitem(last=False)
        return allowed

    def begin(self, now: Micros) -> str:
        """A new session's id."""
        session = secrets.token_urlsafe(32)
        self._until[session] = now + LIFETIME
        while len(self._until) > MAX_SESSIONS:
            self._until.popitem(last=False)
        return session

    def lives(self, session: str, now: Micros) -> bool:
        return self._until.get(session, 0) > now

    def end(self, session: str) -> None:
        self._until.pop(session, None)
