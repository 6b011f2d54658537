"""Which partitions of a topic this process works on: an ordinary consumer group decides, and nothing else is left to it.

A loop of the house reads one partition as its whole topic (``kafka_bus.py``). The member here never reads: it only takes part in
the group, starts the work of a partition it is given, and has stopped it before the partition is given to another. A process
that hung so long that the group gave its partition away is fenced by the transactional id (``kafka_state.py``).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from backbone.kafka_cluster import Cluster, shut
from backbone.signals import Signals

Work = Callable[[int, asyncio.Event], Awaitable[None]]
"""The work on one partition, until the event is set and everything in hand is durable."""

SESSION: Final = 12.0
"""Seconds after which a member that is not heard from loses its partitions."""
STOP_WITHIN: Final = 30.0
"""Seconds the work of a partition has to stop before it is cancelled; far below the group's own patience."""
_POLL: Final = 1.0
_log = structlog.get_logger()


class Owner(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of group ``<prefix><group>.owners`` on ``topic``. ``run`` it as a loop; any number of processes may.

    ``member`` names a place, not a process: the next process of that name has the partitions of the last one at once, however it
    ended, and others only after ``session`` seconds. Without a name they are given to others when it says goodbye.
    """

    def __init__(
        self,
        cluster: Cluster,
        signals: Signals,
        *,
        topic: str,
        group: str,
        work: Work,
        prefix: str = "vonggac.",
        session: float = SESSION,
        member: str = "",
    ) -> None:
        self._member = member or None
        self._cluster, self._signals, self._work = cluster, signals, work
        self._topic, self._group, self._session = prefix + topic, f"{prefix}{group}.owners", session
        self._consumer: Any = None
        self._running: dict[int, tuple[asyncio.Task[None], asyncio.Event]] = {}

    @property
    def owned(self) -> tuple[int, ...]:
        """Partitions being worked on, ascending."""
        return tuple(sorted(self._running))

    async def run(self, stop: asyncio.Event) -> None:
        """Take part until ``stop``. What a partition's work raises is raised here, after the others have stopped."""
        self._consumer = AIOKafkaConsumer(
            group_id=self._group,
            group_instance_id=self._member,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(self._session * 1000),
            heartbeat_interval_ms=int(self._session * 250),
            partition_assignment_strategy=(StickyPartitionAssignor,),
            **self._cluster.options(),
        )
        self._consumer.subscribe([self._topic], listener=self)
        await self._cluster.start(self._consumer)
        try:
            await self._watch(stop)
        finally:
            await self._end(list(self._running))
            await shut(self._consumer, STOP_WITHIN)
            self._consumer = None

    async def _watch(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            # Everything is paused: this only tells the group that we live.
            await self._consumer.getmany(timeout_ms=int(_POLL * 1000))
            for partition, (task, _) in list(self._running.items()):
                if task.done():
                    task.result()
                    raise RuntimeError(f"the work on partition {partition} of {self._topic} ended by itself")

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called by aiokafka before a partition may be another's."""
        await self._end([place.partition for place in revoked])

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by aiokafka when the group has decided."""
        if not assigned:
            return
        self._consumer.pause(*assigned)
        for place in assigned:
            if place.partition not in self._running:
                stop = asyncio.Event()
                task = asyncio.create_task(self._do(place.partition, stop), name=f"{self._topic}-{place.partition}")
                self._running[place.partition] = task, stop
        self._tell()

    async def _do(self, partition: int, stop: asyncio.Event) -> None:
        await self._work(partition, stop)

    async def _end(self, partitions: list[int]) -> None:
        """Stop the work on ``partitions``, all at once; cancel what does not stop in time."""
        ending = {p: self._running.pop(p) for p in partitions if p in self._running}
        for _, stop in ending.values():
            stop.set()
        if not ending:
            return
        _, late = await asyncio.wait([task for task, _ in ending.values()], timeout=STOP_WITHIN)
        for task in late:
            _log.error("kafka_work_cancelled", work=task.get_name(), seconds=STOP_WITHIN)
            task.cancel()
        for partition, (task, _) in ending.items():
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await task
                except Exception as error:  # it is no longer ours: whoever has it now goes on from what is durable
                    self._signals.count("kafka_work_failed", topic=self._topic)
                    _log.error("kafka_work_failed", topic=self._topic, partition=partition, error=str(error)[:300])
        self._tell()

    def _tell(self) -> None:
        _log.info("kafka_partitions", topic=self._topic, group=self._group, partitions=self.owned)
        self._signals.level("kafka_partitions", len(self._running), topic=self._topic)
