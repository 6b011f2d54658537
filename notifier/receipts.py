"""Does a receipt prove what it says? Pure.

The signature is Ed25519 (RFC 8032) over the canonical JSON of the receipt without ``signature``: keys sorted, no white space,
UTF-8. A key's id is the first 16 hex digits of SHA-256 of its 32 bytes.
"""

import base64
import hashlib
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from model import ConfigError, Receipt
from notifier.report import canonical


def key_id(public: bytes) -> str:
    """Name of a raw public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def read_key(text: str) -> bytes:
    """The 32 raw bytes of a public key given as base64 or PEM; ConfigError when it is neither."""
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("-----")]
    try:
        raw = base64.b64decode("".join(lines).strip(), validate=True)
    except ValueError as error:
        raise ConfigError("the national public key is neither base64 nor PEM; take it from GET /api/v1/keys") from error
    if "-----BEGIN" in text and len(raw) == 44:
        # SubjectPublicKeyInfo of Ed25519 is 12 fixed bytes and the key (RFC 8410 section 4).
        raw = raw[12:]
    if len(raw) != 32:
        raise ConfigError(f"the national public key has {len(raw)} bytes, not the 32 of Ed25519; take it from GET /api/v1/keys")
    return raw


def fault(receipt: Receipt, *, incident: str, revision: int, body: bytes, keys: Mapping[str, bytes]) -> str:
    """What is wrong with ``receipt`` for this report, in a few words; empty when it holds. ``keys`` maps key id to raw key."""
    if receipt.incident != incident or receipt.revision != revision:
        return "it is for another report"
    if receipt.body_sha256 != hashlib.sha256(body).hexdigest():
        return "it is for another body"
    key = keys.get(receipt.key)
    if key is None:
        return f"it is signed with key {receipt.key[:32]!r}, which is not pinned"
    values = msgspec.to_builtins(receipt)
    del values["signature"]
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(receipt.signature, validate=True), canonical(values))
    except (InvalidSignature, ValueError):
        return "its signature does not hold"
    return ""
