"""Receipts: what this side says it received, signed so that nobody can later deny it.

Ed25519 (RFC 8032) over the canonical JSON of the receipt without ``signature``: keys sorted, no white space, UTF-8. A key's
id is the first 16 hex digits of SHA-256 of its 32 bytes.
"""

import base64
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from model import ConfigError, Receipt


def canonical(value: Any) -> bytes:
    """One byte string for one JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Signer:
    """Signs receipts with the key in ``path`` (PEM, PKCS #8, mode 0600), made there when there is none yet.

    ConfigError when the file is not such a key, or when others can read it.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            _make(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{path}: others can read this private key; run chmod 600 on it")
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{path}: not a PEM private key; move it away to have a new one made") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError(f"{path}: not an Ed25519 key; move it away to have a new one made")
        self._key = key
        self.public = key.public_key().public_bytes_raw()
        self.id = hashlib.sha256(self.public).hexdigest()[:16]

    def receipt(self, *, national_id: str, incident: str, revision: int, body_sha256: str, received_at: str) -> Receipt:
        """A signed receipt. ``received_at`` is RFC 3339 UTC."""
        values = {
            "national_id": national_id,
            "incident": incident,
            "revision": revision,
            "body_sha256": body_sha256,
            "received_at": received_at,
            "key": self.id,
        }
        signature = base64.b64encode(self._key.sign(canonical(values))).decode()
        return Receipt(national_id, incident, revision, body_sha256, received_at, self.id, signature)

    def keys(self) -> list[dict[str, str]]:
        """What GET /api/v1/keys lists."""
        return [{"id": self.id, "alg": "Ed25519", "public_key": base64.b64encode(self.public).decode()}]


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, pem)
        os.fsync(file)
    finally:
        os.close(file)
    part.replace(path)
