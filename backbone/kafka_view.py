"""A state topic, read: its local copy, kept at the topic's end. For the console and every process that does not own it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import structlog

from backbone import kafka_copy as copies
from backbone.kafka_cluster import Cluster
from backbone.kafka_contact import Contact
from backbone.kafka_copy import Copy
from backbone.kafka_reader import Reader
from backbone.ports import Clock, Commit, Entry
from backbone.signals import Signals
from model import BackboneError, Micros

_PAGE: Final = 2_000
_STEP: Final = 0.5
_RETRY: Final = 2.0
_TOUCH: Final = 600.0
_log = structlog.get_logger()


class KafkaView:
    """Use ``await KafkaView.open(...)``."""

    def __init__(self, contact: Contact, copy: Copy, prefix: str, topic: str, partition: int) -> None:
        self._contact, self._copy = contact, copy
        self._prefix, self._partition = prefix, partition
        self._topic = prefix + topic
        self._reader = Reader(contact, self._topic, partition)
        self._following: asyncio.Task[None] | None = None

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
    ) -> "KafkaView":
        """Read ``partition`` of the state topic to its end, and follow it. ``path``: the copy, of this process alone."""
        copy = await Copy.open(path, f"{prefix}{topic}/{partition}", clock)
        view = cls(Contact(cluster, signals, patience), copy, prefix, topic, partition)
        try:
            await view._catch_up()
        except BaseException:
            await view.close()
            raise
        view._following = asyncio.create_task(view._follow(), name=f"follow-{topic}-{partition}")
        return view

    async def _catch_up(self) -> None:
        """Bring the copy to the end of what is committed."""
        began = time.monotonic()
        if not await self._copy.usable(await self._reader.stable()):
            _log.warning("kafka_copy_anew", topic=self._topic, partition=self._partition, why="too old, or of another topic")
            self._contact.signals.count("kafka_copies_anew")
            await self._copy.empty()
        start, count = (await self._copy.applied()).next, 0
        while records := await self._reader.read(start, _PAGE, 0):
            await self._copy.apply([copies.change(r) for r in records], at_end=False)
            start, count = records[-1].offset + 1, count + len(records)
        await self._copy.apply((), at_end=True)
        _log.info("kafka_copy_ready", topic=self._topic, partition=self._partition, records=count)
        self._contact.signals.took("kafka_catch_up", time.monotonic() - began)

    async def _follow(self) -> None:
        start, touched, failing = (await self._copy.applied()).next, time.monotonic(), False
        while True:
            try:
                records = await self._reader.read(start, _PAGE, _STEP)
                if records or time.monotonic() - touched > _TOUCH:
                    touched = time.monotonic()
                    await self._copy.apply([copies.change(r) for r in records], at_end=not records)
                start = records[-1].offset + 1 if records else start
                failing = False
            except BackboneError as error:
                self._contact.signals.count("kafka_follow_errors")
                if not failing:
                    _log.error("kafka_follow_failed", topic=self._topic, error=str(error))
                failing = True
                await asyncio.sleep(_RETRY)

    async def _sure(self) -> None:
        """The copy holds everything this process was told is committed."""

    async def get(self, space: str, key: str) -> Entry | None:
        await self._sure()
        return await self._copy.entries.get(space, key)

    async def newest(
        self, space: str, *, before: tuple[Micros, str] | None = None, since: Micros = 0, limit: int = 100
    ) -> list[Entry]:
        await self._sure()
        return await self._copy.entries.newest(space, before=before, since=since, limit=limit)

    async def scan(self, space: str) -> AsyncIterator[Entry]:
        await self._sure()
        return await self._copy.entries.scan(space)

    async def count(self, space: str) -> int:
        await self._sure()
        return await self._copy.entries.count(space)

    async def changes(self, space: str, after: int, limit: int, wait: float = 0.0) -> list[Entry]:
        await self._sure()
        return await self._copy.entries.changes(space, after, limit, wait)

    async def position(self, group: str, topic: str) -> int:
        """Cursor as the owner committed it with its entries (not the group's committed offset, which Kafka forgets in time)."""
        await self._sure()
        return await self._copy.position(group, topic)

    async def commit(self, commit: Commit) -> None:
        raise BackboneError(f"This process only follows {self._topic}; let the process that owns it write.")

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
            self._following = None
        await self._reader.close()
        await self._copy.close()
