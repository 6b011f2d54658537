"""How to reach a Kafka cluster, and what went wrong in one sentence when it cannot be reached.

aiokafka says "Unable to bootstrap" of every failure and keeps the cause for its logger, so we ask each server ourselves, once,
with the same settings, and read the cause off that.
"""

import asyncio
import contextlib
import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from aiokafka import errors
from aiokafka.conn import create_conn

from model import BackboneError, ConfigError

PLAINTEXT, TLS, SASL_TLS, SASL_PLAINTEXT = "PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"
MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
_ASK: Final = 5.0
"""Seconds one server has to answer when we look for the cause."""


class Client(Protocol):
    async def start(self) -> None: ...


C = TypeVar("C", bound=Client)


@dataclass(frozen=True)
class Cluster:
    """Where Kafka is and how to talk to it.

    ``servers``: ``host:port`` each. ``tls`` with ``ca`` (PEM; None: the machine's own list) checks the servers; ``certificate``
    and ``key`` (PEM) show who we are. ``user`` and ``password`` with ``mechanism`` are SASL, which needs TLS unless
    ``in_the_clear``. ``patience``: seconds to wait for a connection.
    """

    servers: tuple[str, ...]
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    mechanism: str = MECHANISMS[0]
    user: str = ""
    password: str = field(default="", repr=False)
    in_the_clear: bool = False
    patience: float = 15.0

    def __post_init__(self) -> None:
        if not self.servers:
            raise ConfigError("Kafka needs at least one server; name it as host:port.")
        if self.user and self.mechanism not in MECHANISMS:
            raise ConfigError(f"Kafka's mechanism {self.mechanism!r} is none of {', '.join(MECHANISMS)}; use one of these.")
        if self.user and not self.tls and not self.in_the_clear:
            raise ConfigError(f"Kafka's password of {self.user} would travel unencrypted; turn TLS on.")
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("Kafka's client certificate needs both its certificate and its key; name both files.")

    @property
    def where(self) -> str:
        return ", ".join(self.servers)

    def options(self) -> dict[str, Any]:
        """Keyword arguments every client of aiokafka takes. ConfigError when a certificate file cannot be read."""
        given: dict[str, Any] = {"bootstrap_servers": list(self.servers), "security_protocol": self.protocol}
        if self.tls:
            given["ssl_context"] = self._context()
        if self.user:
            given |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return given

    @property
    def protocol(self) -> str:
        if self.user:
            return SASL_TLS if self.tls else SASL_PLAINTEXT
        return TLS if self.tls else PLAINTEXT

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(f) for f in (self.ca, self.certificate, self.key) if f)
            raise ConfigError(f"A certificate file for Kafka cannot be used ({error}); look at {files}.") from error
        return context

    async def start(self, client: C, patience: float | None = None) -> C:
        """Start ``client``; BackboneError that says why when it does not come up in time."""
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it repeats every try; ``Contact`` says it once
        try:
            async with asyncio.timeout(patience or self.patience):
                await client.start()
        except BaseException as error:
            await shut(client)
            if isinstance(error, errors.KafkaError | OSError | AssertionError):
                raise await self.explain(error) from error
            raise
        return client

    async def explain(self, error: BaseException) -> BackboneError:
        """``error`` of a client as one sentence; asks the servers when it does not say enough itself."""
        if not isinstance(error, errors.KafkaConnectionError | OSError | errors.KafkaTimeoutError | errors.NodeNotReadyError):
            return BackboneError(describe(error, self))
        said = [await self._ask(server) for server in self.servers]
        causes = [cause for cause in said if cause]
        if len(causes) == len(said):
            return BackboneError(causes[0])
        return BackboneError(
            f"Kafka at {self.where} does not answer in time ({_name(error)}); look at its log and whether the addresses it "
            "advertises can be reached from here."
        )

    async def _ask(self, server: str) -> str:
        """Why ``server`` cannot be used, empty when it can."""
        host, _, port = server.rpartition(":")
        options = self.options()
        options.pop("bootstrap_servers")
        try:
            async with asyncio.timeout(_ASK):
                connection = await create_conn(host, int(port), request_timeout_ms=int(_ASK * 1000), **options)
        except (errors.KafkaError, OSError, AssertionError, ValueError) as error:
            return describe(error, self, server)
        connection.close()
        return ""


def describe(error: BaseException, cluster: Cluster, server: str = "") -> str:
    """One sentence: what, where, what to do."""
    at = f"Kafka at {server or cluster.where}"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate(at, cause, cluster)
    if isinstance(cause, ssl.SSLError):
        return f"{at} does not speak TLS as we do ({cause.reason}); look whether this is its TLS port, and what it asks for."
    if isinstance(error, errors.AuthenticationFailedError | errors.SaslAuthenticationFailed):
        return f"{at} refuses the password of {cluster.user} ({cluster.mechanism}); correct user or password."
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return f"{at} does not take passwords by {cluster.mechanism}; use a mechanism it has, or turn this one on there."
    if isinstance(error, errors.IncompatibleBrokerVersion | errors.UnsupportedVersionError):
        return f"{at} is too old ({_name(error)}); run Kafka 2.8 or newer."
    if isinstance(error, errors.TopicAuthorizationFailedError | errors.GroupAuthorizationFailedError):
        return f"{at} does not allow {cluster.user or 'us'} that topic or group ({error}); give it the right."
    if isinstance(error, errors.CommitFailedError | errors.UnknownMemberIdError | errors.IllegalGenerationError):
        return f"{at} takes no positions from us because the group has members; let them join a group of another name."
    if isinstance(error, ConnectionRefusedError):
        return f"{at} refuses connections; look whether it runs and whether the port is right."
    if isinstance(error, errors.LeaderNotAvailableError | errors.NotLeaderForPartitionError):
        return f"{at} has a partition without leader; start the servers that are down."
    if isinstance(error, errors.UnknownTopicOrPartitionError):
        return f"{at} has no such topic or partition ({error}); make the topics first, or let our user see them."
    if isinstance(error, errors.NotEnoughReplicasError | errors.NotEnoughReplicasAfterAppendError):
        return f"{at} has fewer replicas in sync than the topic's min.insync.replicas; start the servers that are down."
    if isinstance(error, errors.KafkaTimeoutError | errors.RequestTimedOutError):
        return f"{at} does not answer in time; look at its load, its disks and its log."
    if isinstance(error, TimeoutError):
        return f"{at} does not answer; look at host, port and firewall, and whether it speaks {cluster.protocol}."
    if isinstance(error, ConnectionResetError | errors.KafkaConnectionError | asyncio.IncompleteReadError):
        return f"{at} hangs up at once; look whether this port speaks {cluster.protocol} and wants a client certificate."
    if isinstance(error, OSError):
        return f"{at} cannot be reached ({error.strerror or error}); look whether the name is right."
    return f"{at} does not do what was asked ({_name(error)}); look at its log."


def _certificate(at: str, error: ssl.SSLCertVerificationError, cluster: Cluster) -> str:
    if error.verify_code == 10:  # X509_V_ERR_CERT_HAS_EXPIRED
        return f"{at} shows an expired certificate; renew it."
    if error.verify_code in (62, 64):
        return f"{at} shows a certificate of another name ({error.verify_message}); use the name in it."
    ca = cluster.ca or "the machine's own list"
    return f"{at} shows a certificate our CA did not sign ({error.verify_message}); correct the CA file ({ca})."


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def shut(client: Any, wait: float = 2.0) -> None:
    """Stop a client that may be broken: never raises, never waits long."""
    stop = getattr(client, "stop", None) or client.close
    with contextlib.suppress(Exception, asyncio.CancelledError):
        await asyncio.wait_for(stop(), wait)
