"""A receipt is believed only when it proves what it says."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from model import ConfigError
from national.receipts import Signer
from notifier.receipts import fault, key_id, read_key

BODY = b"{}"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("key") / "key.pem")


def test_good_and_every_kind_of_bad(signer: Signer) -> None:
    """The server's receipt holds; with any member changed, another key or another body it does not."""
    good = signer.receipt(
        national_id="VN-2026-CM-000001", incident="i", revision=2, body_sha256=hashlib.sha256(BODY).hexdigest(), received_at="t"
    )
    keys = {signer.id: signer.public}
    assert key_id(signer.public) == signer.id

    def wrong(receipt: object = good, body: bytes = BODY, revision: int = 2) -> str:
        return fault(receipt, incident="i", revision=revision, body=body, keys=keys)  # type: ignore[arg-type]

    assert wrong() == ""
    assert "signature" in wrong(replace(good, national_id="VN-2026-CM-000002"))
    assert "signature" in wrong(replace(good, received_at="u"))
    assert "signature" in wrong(replace(good, signature="not base64"))
    assert "another body" in wrong(body=b"{ }")
    assert "another report" in wrong(revision=3)
    assert "not pinned" in wrong(replace(good, key="0" * 16))


def test_keys_are_read_in_both_writings(signer: Signer) -> None:
    """Base64 of the raw key and a PEM file give the same 32 bytes."""
    pem = signer._key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert read_key(pem.decode()) == read_key(base64.b64encode(signer.public).decode() + "\n") == signer.public


@given(text=st.text(max_size=100))
def test_other_text_is_no_key(text: str) -> None:
    """Anything else is refused with a sentence, never an exception of another kind."""
    with pytest.raises(ConfigError, match="national public key"):
        read_key(text)
