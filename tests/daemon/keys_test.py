"""Keys of an installation."""

import ssl
import stat
from pathlib import Path

import pytest

from daemon.keys import certificate, private_folder, read_secret, read_token, server_tls, token
from model import ConfigError


def test_a_token_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """The same token at every start, mode 0600, and neither repr nor str shows it."""
    first, second = token(tmp_path, "ingest"), token(tmp_path, "ingest")
    assert first.reveal() == second.reveal()
    assert len(first.reveal()) >= 32
    assert stat.S_IMODE((tmp_path / "ingest.key").stat().st_mode) == 0o600
    assert first.reveal() not in f"{first!r} {first} {[first]}"
    assert token(tmp_path, "console").reveal() != first.reveal()


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key file with loose rights, no content or no file is said in a sentence."""
    token(tmp_path, "ingest")
    file = tmp_path / "ingest.key"
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_token(file)
    file.chmod(0o600)
    file.write_text("short")
    with pytest.raises(ConfigError, match="too short"):
        read_token(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token(tmp_path / "none.key")


def test_certificate_serves_tls(tmp_path: Path) -> None:
    """The certificate made at first start is kept and usable by a server; TLS 1.1 is not offered."""
    made = certificate(tmp_path)
    content = made[0].read_bytes()
    assert certificate(tmp_path)[0].read_bytes() == content
    assert stat.S_IMODE(made[1].stat().st_mode) == 0o600
    assert server_tls(*made).minimum_version == ssl.TLSVersion.TLSv1_2
    with pytest.raises(ConfigError, match="cannot be used"):
        server_tls(made[1], made[0])


def test_private_folder(tmp_path: Path) -> None:
    """Folders are made with mode 0700; what cannot be made is said with a way out."""
    made = private_folder(tmp_path / "a/b")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="VONGGAC_HOME"):
        private_folder(tmp_path / "file/x")


def test_a_password_from_a_file(tmp_path: Path) -> None:
    """Whole, without the line's end; refused when others may read it, when there is none, when it is empty."""
    file = tmp_path / "kafka.password"
    file.write_text("mật khẩu \n")
    file.chmod(0o600)
    assert read_secret(file) == "mật khẩu "
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(file)
    file.chmod(0o600)
    file.write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        read_secret(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(tmp_path / "none")
