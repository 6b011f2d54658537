"""The signing key."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from model import ConfigError
from national.receipts import Signer


def test_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """The first start makes the key with mode 0600, later ones use it."""
    path = tmp_path / "deep" / "key.pem"
    first = Signer(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Signer(path).public == first.public and [p.name for p in path.parent.iterdir()] == ["key.pem"]


def test_unfit_keys_are_refused(tmp_path: Path) -> None:
    """A key that others can read, that is none or of another kind stops the start with a sentence."""
    path = tmp_path / "key.pem"
    Signer(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Signer(path)
    path.write_bytes(b"junk")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="not a PEM"):
        Signer(path)
    plain = serialization.NoEncryption()
    other = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    with pytest.raises(ConfigError, match="Ed25519"):
        Signer(path)
