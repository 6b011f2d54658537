"""Keys and certificates of one installation: made at first start, mode 0600, never logged, never in argv."""

import datetime as dt
import ipaddress
import os
import secrets
import ssl
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from model import ConfigError

NAMES = ("ingest", "console", "national-client", "national-operator")
"""Tokens: what senders show to HTTP ingest, analysts to the console, we to the national API, its operator to its pages."""


class Token:
    """A secret text. Its ``repr`` does not show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    @property
    def digest(self) -> str:
        """SHA-256 in hex: what a server keeps to compare with."""
        return sha256(self._text.encode()).hexdigest()

    def __repr__(self) -> str:
        return "Token(…)"


def private_folder(folder: Path) -> Path:
    """Make ``folder`` with mode 0700. ConfigError when it cannot be made or written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot make this folder ({error.strerror}); set VONGGAC_HOME to another one") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{folder}: you may not write here; set VONGGAC_HOME to another folder")
    return folder


def token(folder: Path, name: str) -> Token:
    """The token ``name``, made when it is not there yet."""
    file = folder / f"{name}.key"
    if not file.exists():
        _write_new(file, (secrets.token_urlsafe(24) + "\n").encode())
    return read_token(file)


def read_token(file: Path) -> Token:
    """A token from a file. ConfigError when it is missing, empty or readable by others."""
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{file}: others may read this key; run chmod 600 {file}")
        text = file.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{file}: this key cannot be read ({error.strerror})") from None
    if len(text) < 16:
        raise ConfigError(f"{file}: this key is too short; remove the file to have a new one made")
    return Token(text)


def read_secret(file: Path) -> str:
    """A password somebody else chose, from a file. ConfigError when it is missing, empty or readable by others."""
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{file}: others may read this password; run chmod 600 {file}")
        text = file.read_text("utf-8").strip("\r\n")
    except OSError as error:
        raise ConfigError(f"{file}: this password cannot be read ({error.strerror})") from None
    if not text:
        raise ConfigError(f"{file}: this password is empty")
    return text


def certificate(folder: Path, hosts: tuple[str, ...] = ("localhost", "127.0.0.1")) -> tuple[Path, Path]:
    """Files of a self-signed server certificate and its key for ``hosts``, made when they are not there yet (valid two years)."""
    chain, key = folder / "syslog-tls.crt", folder / "syslog-tls.key"
    if chain.exists() and key.exists():
        return chain, key
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vong Gac syslog")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=730))
        .add_extension(x509.SubjectAlternativeName([_general_name(h) for h in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    _write_new(key, private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    _write_new(chain, made.public_bytes(pem), 0o644)
    return chain, key


def server_tls(chain: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer for a server; with ``client_ca`` senders must show a certificate. ConfigError when a file is unusable."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(chain, key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{chain}: this certificate, its key or the client CA cannot be used ({error})") from None
    return context


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_new(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that nobody else can read even while it is written; a crash leaves all of it or nothing."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    temporary.replace(file)
