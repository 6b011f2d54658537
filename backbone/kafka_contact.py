"""Whether Kafka answers: one log line and one count an outage, and an end to patience."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from aiokafka import errors

from backbone.kafka_cluster import Cluster, describe
from backbone.signals import Signals
from model import BackboneError

T = TypeVar("T")

_FIRST: Final = 0.1
_LONGEST: Final = 5.0
_ONE_TRY: Final = 10.0
REFUSALS: Final = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.InvalidTopicError,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
    errors.SaslAuthenticationFailed,
    errors.AuthenticationFailedError,
    errors.IncompatibleBrokerVersion,
    errors.UnsupportedVersionError,
    errors.CommitFailedError,
    errors.UnknownMemberIdError,
    errors.IllegalGenerationError,
)
"""What no repeat cures."""

_log = structlog.get_logger()


class Contact:
    """Shared by all clients of one adapter. ``patience``: seconds an outage may last before BackboneError."""

    def __init__(self, cluster: Cluster, signals: Signals, patience: float = 60.0) -> None:
        self.cluster, self.signals, self.patience = cluster, signals, patience
        self._since: float | None = None

    def held(self) -> None:
        """Kafka answered."""
        if self._since is not None:
            _log.info("kafka_back", servers=self.cluster.where, after=round(time.monotonic() - self._since, 1))
            self.signals.level("kafka_away", 0)
            self._since = None

    def lost(self, error: BaseException, doing: str) -> float:
        """Kafka did not answer, or not well; return for how many seconds now."""
        now = time.monotonic()
        self.signals.count("kafka_retries", doing=doing)
        if self._since is None:
            self._since = now
            self.signals.count("kafka_outages")
            self.signals.level("kafka_away", 1)
            _log.error("kafka_away", doing=doing, error=describe(error, self.cluster))
        return now - self._since

    async def refused(self, error: BaseException, doing: str) -> BackboneError:
        """Kafka is there and says no, for good."""
        self.signals.count("kafka_refused", doing=doing)
        return await self.cluster.explain(error)

    async def insist(self, doing: str, what: Callable[[], Awaitable[T]], heals: bool = True) -> T:
        """``what`` until it succeeds; BackboneError when Kafka refuses it, or stays away longer than patience.

        ``heals``: its success ends an outage (a mere connection does not: a partition may still be without leader).
        """
        wait, deadline = _FIRST, time.monotonic() + self.patience
        while True:
            try:
                async with asyncio.timeout(_ONE_TRY):
                    result = await what()
            except REFUSALS as error:
                raise await self.refused(error, doing) from error
            except (errors.KafkaError, OSError, AssertionError) as error:
                self.lost(error, doing)
                if time.monotonic() + wait > deadline:
                    raise await self.cluster.explain(error) from error
                await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
                wait = min(wait * 2, _LONGEST)
            except BackboneError as error:  # a client of its own that did not come up
                self.lost(error, doing)
                if time.monotonic() + wait > deadline:
                    raise
                await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311
                wait = min(wait * 2, _LONGEST)
            else:
                if heals:
                    self.held()
                return result
