"""A StateStore on Kafka: one compacted topic is the truth, a local SQLite file its copy, a commit one Kafka transaction.

One owner a partition of the topic writes; any number of ``KafkaView`` read. The owner's commit is checked against the copy,
becomes one transaction (entries, appended records, cursors), and only then part of the copy. When its outcome is not known the
owner starts anew and reads the topic to its end: the record ``/commit`` tells whether it took effect, and whether somebody
else has committed since.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog
from aiokafka import TopicPartition

from backbone import kafka_batches as batches
from backbone import kafka_copy as copies
from backbone.kafka_batches import Row
from backbone.kafka_cluster import Cluster
from backbone.kafka_contact import Contact
from backbone.kafka_copy import Change, Copy
from backbone.kafka_topics import MAX_RECORD
from backbone.kafka_transactions import FencedError, Transactions, UnknownError
from backbone.kafka_view import KafkaView
from backbone.ports import Clock, Commit
from backbone.signals import Signals
from model import BackboneError

_LONGEST: Final = 5.0
_log = structlog.get_logger()


class KafkaState(KafkaView):
    """Use ``await KafkaState.open(...)``. The partition read and the partition of the state have the same number."""

    def __init__(self, contact: Contact, copy: Copy, prefix: str, topic: str, partition: int) -> None:
        super().__init__(contact, copy, prefix, topic, partition)
        self._place = TopicPartition(self._topic, partition)
        self._transactions = Transactions(contact, f"{self._topic}.{partition}")
        self._partitioner = batches.Partitioner()
        self._max_record = MAX_RECORD
        self._owner, self._number = uuid4().hex, 0
        self._lock = asyncio.Lock()
        self._doubtful = False
        self._fenced: FencedError | None = None

    @classmethod
    async def open(
        cls,
        cluster: Cluster,
        signals: Signals,
        clock: Clock,
        path: Path,
        *,
        prefix: str = "vonggac.",
        topic: str = "state",
        partition: int = 0,
        patience: float = 60.0,
        max_record: int = MAX_RECORD,
    ) -> "KafkaState":
        """Become the owner of ``partition`` (whoever was it is fenced) and read it to its end. ``path``: the local copy."""
        copy = await Copy.open(path, f"{prefix}{topic}/{partition}", clock)
        state = cls(Contact(cluster, signals, patience), copy, prefix, topic, partition)
        state._max_record = max_record
        try:
            await state._transactions.start()
            await state._catch_up()
            # A claim: an owner before us that only lost its connection sees it when it comes back, and stops.
            await state._write({state._place: []}, {}, "")
        except BaseException:
            await state.close()
            raise
        return state

    async def commit(self, commit: Commit) -> None:
        """As StateStore, with cursors of one group. FencedError (a BackboneError): another process owns this partition now."""
        async with self._lock:
            if self._doubtful and await self._recover():
                raise BackboneError("The commit before this one took effect after all; go on from the state as it is now.")
            if self._fenced:
                raise self._fenced
            rows, offsets, group = await self._plan(commit)
            if any(rows.values()) or offsets:
                await self._write(rows, offsets, group)

    async def _plan(self, commit: Commit) -> tuple[dict[TopicPartition, list[Row]], dict[TopicPartition, int], str]:
        """Everything the transaction is to hold."""
        entries = await self._copy.plan(commit.puts, commit.deletes)
        batches.require_fit(self._topic, entries, self._max_record)
        group, cursors = await self._cursors(commit)
        rows = {self._place: [*entries, *(copies.cursor(group, topic, offset) for topic, offset in cursors.items())]}
        by_topic: dict[str, list[tuple[str, bytes]]] = {}
        for topic, key, value in commit.appends:
            by_topic.setdefault(self._prefix + topic, []).append((key, value))
        for name, records in by_topic.items():
            packed = batches.pack(name, records, self._max_record)
            for partition, some in self._partitioner.spread(packed, await self._transactions.partitions(name)).items():
                rows[TopicPartition(name, partition)] = some
        offsets = {TopicPartition(self._prefix + topic, self._partition): offset for topic, offset in cursors.items()}
        for place in offsets:
            await self._transactions.partitions(place.topic)  # of a topic that is not there aiokafka would try for ever
        return rows, offsets, self._prefix + group

    async def _cursors(self, commit: Commit) -> tuple[str, dict[str, int]]:
        """(group, offset by topic), those that move forward."""
        groups = {group for group, _, _ in commit.cursors}
        if len(groups) > 1:
            raise BackboneError(f"One commit on Kafka moves cursors of one group, not of {', '.join(sorted(groups))}; split it.")
        moved: dict[str, int] = {}
        for group, topic, offset in commit.cursors:
            if offset > max(moved.get(topic, 0), await self._copy.position(group, topic)):
                moved[topic] = offset
        return next(iter(groups), ""), moved

    async def _write(self, rows: dict[TopicPartition, list[Row]], offsets: dict[TopicPartition, int], group: str) -> None:
        """One transaction, repeated until it is known to have taken effect once."""
        self._number += 1
        rows[self._place].append((copies.COMMIT, f"{self._owner} {self._number}".encode(), []))
        wait, deadline = 0.1, time.monotonic() + self._contact.patience
        self._doubtful = True  # until the copy has it: whatever happens between, even our cancellation
        while True:
            try:
                placed = await self._transactions.run(rows, offsets, group)
                await self._copy.apply(_changes(rows[self._place], placed[self._place]), at_end=True)
                break
            except FencedError as error:
                self._stop(error)
            except UnknownError as error:
                self._contact.signals.count("kafka_commits_unknown")
                _log.warning("kafka_commit_unknown", topic=self._topic, partition=self._partition, why=str(error)[:200])
                if await self._recover():
                    return
                if time.monotonic() > deadline:
                    raise BackboneError(f"Kafka did not take a commit of {self._topic} ({error}); look at its log.") from error
                await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
                wait = min(wait * 2, _LONGEST)
                self._doubtful = True
        self._doubtful = False

    async def _recover(self) -> bool:
        """Start anew and read to the end; whether the last commit took effect. FencedError when another has committed."""
        if self._fenced:
            raise self._fenced
        try:
            await self._transactions.start()
        except FencedError as error:
            self._stop(error)
        await self._catch_up()
        owner, _, number = (await self._copy.applied()).last.partition(" ")
        if owner != self._owner and self._number > 1:
            self._stop(FencedError(f"Another process has taken {self._transactions.name} over and committed; this one stops."))
        self._doubtful = False
        return owner == self._owner and number == str(self._number)

    def _stop(self, error: FencedError) -> None:
        self._fenced = error
        self._contact.signals.count("kafka_fenced")
        _log.error("kafka_fenced", topic=self._topic, partition=self._partition)
        raise error

    async def _sure(self) -> None:
        """A reader after a failed commit sees what came of it."""
        if self._doubtful and not self._lock.locked():
            async with self._lock:
                if self._doubtful:
                    await self._recover()

    async def close(self) -> None:
        await self._transactions.stop()
        await super().close()


def _changes(rows: Sequence[Row], offsets: Sequence[int]) -> list[Change]:
    """Rows as the copy takes them."""
    return [
        Change(offset, key, value, headers[0][1] if headers else b"")
        for offset, (key, value, headers) in zip(offsets, rows, strict=True)
    ]
