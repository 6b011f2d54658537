"""The outbox → a sink, until the national side has receipted the newest revision of every incident.

Exactly once at the other side: the bytes and the idempotency key of an attempt are durable (space ``parcels``) before it is made
and kept until its receipt is; a retry, whatever was killed when, carries the same. A receipt that does not verify counts
as no answer. While the sink is down one worker probes; when it is back all that waits is brought forward.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from backbone.codec import decode_delivery, decode_incident, encode
from backbone.ports import Clock, Commit, Put, StateStore
from backbone.signals import Signals
from model import ConflictError, CorruptError, Delivery, DeliveryState, Micros, Receipt, RefusedError, RetryError, System
from model.moment import SECOND
from notifier.outbox import Outbox
from notifier.receipts import fault
from notifier.report import body, canonical
from notifier.schedule import next_attempt
from notifier.sinks.sink import Parcel, Sink

TICK: Final = 0.25
DOWN: Final = 8
"""Failures in a row after which the sink counts as down."""
SPREAD: Micros = 2 * SECOND
_log = structlog.get_logger()
_parcel = msgspec.json.Decoder(Parcel)


class Deliver:
    """Run one of them a sink. ``workers`` deliveries at a time; ``interval`` microseconds at least between two revisions of
    one incident; ``grace`` seconds for what is under way when stopped (it is taken up again at the next start).

    ``pinned`` maps key ids to the receiver's raw public keys; empty: the keys of its first answer are pinned (space ``pins``).
    ``profile`` is the legal profile's name, ``systems`` the register. ``dice`` gives numbers in [0, 1) for the jitter.
    """

    def __init__(
        self,
        *,
        state: StateStore,
        sink: Sink,
        clock: Clock,
        signals: Signals,
        profile: str,
        systems: Sequence[System] = (),
        pinned: Mapping[str, bytes] | None = None,
        workers: int = 8,
        interval: Micros = 5 * SECOND,
        grace: float = 3.0,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._state, self._sink, self._clock, self._signals = state, sink, clock, signals
        self._profile, self._systems = profile, {s.code: s for s in systems}
        self._given, self._pins = dict(pinned or {}), dict[str, bytes]()
        self._workers, self._interval, self._grace, self._dice = workers, interval, grace, dice
        self._outbox, self._wake, self._failures = Outbox(), asyncio.Event(), 0

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop``. Starts from what is durable, so it may be run again after a crash."""
        self._outbox, self._wake, self._failures, self._pins = Outbox(), asyncio.Event(), 0, dict(self._given)
        change = 0
        async for entry in await self._state.scan("outbox"):
            self._outbox.note(decode_delivery(entry.value), self._clock.now())
            change = max(change, entry.change)
        tasks = [asyncio.create_task(self._work(stop)) for _ in range(self._workers)]
        tasks.append(asyncio.create_task(self._watch(change, stop)))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            for done in [t for t in tasks if t.done()]:
                done.result()
            await asyncio.wait(tasks, timeout=self._grace)
        finally:
            for task in [*tasks, stopped]:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for result in ended:
            if isinstance(result, Exception):
                raise result

    async def _watch(self, change: int, stop: asyncio.Event) -> None:
        while not stop.is_set():
            for entry in await self._state.changes("outbox", change, 500, TICK):
                change = max(change, entry.change)
                self._outbox.note(decode_delivery(entry.value), self._clock.now())
                self._wake.set()
            self._signals.level("notifier_outbox", len(self._outbox))
            self._signals.level("notifier_oldest_waiting", self._outbox.oldest(self._clock.now()) / SECOND)

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            full = self._failures >= DOWN and self._outbox.busy > 0
            incident = None if full else self._outbox.take(self._clock.now())
            if incident is None:
                self._wake.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), TICK)
                continue
            try:
                await self._attempt(incident)
            finally:
                self._outbox.release(incident)

    async def _attempt(self, incident: str) -> None:
        entry = await self._state.get("outbox", incident)
        delivery = decode_delivery(entry.value) if entry else None
        if delivery is None or delivery.state != "waiting":
            return
        parcel = await self._pack(delivery)
        started = asyncio.get_running_loop().time()
        try:
            receipt = await self._sink.deliver(parcel)
            await self._verify(receipt, parcel)
        except RetryError as error:
            await self._failed(parcel, error)
        except RefusedError as error:
            await self._refused(parcel, error)
        else:
            await self._delivered(parcel, receipt)
        self._signals.took("notifier_delivery", asyncio.get_running_loop().time() - started)

    async def _pack(self, delivery: Delivery) -> Parcel:
        """The parcel under way, else one of the incident's newest revision, durable before it is sent."""
        kept = await self._state.get("parcels", delivery.incident)
        if kept:
            return _parcel.decode(kept.value)
        entry = await self._state.get("incidents", delivery.incident)
        if entry is None:
            raise CorruptError(f"outbox entry {delivery.incident} has no incident; restore state.db from a backup")
        incident = decode_incident(entry.value)
        parcel = Parcel(
            incident=incident.id,
            revision=incident.revision,
            key=f"{incident.id}:{incident.revision}",
            body=canonical(body(incident, profile=self._profile, systems=self._systems)),
            national_id=delivery.national_id,
            seen=delivery.sent,
            detected_at=incident.detected_at,
        )
        await self._state.commit(Commit(puts=(Put("parcels", incident.id, encode(parcel)),)))
        return parcel

    async def _verify(self, receipt: Receipt, parcel: Parcel) -> None:
        if not self._pins:
            self._pins = await self._pin()
        wrong = fault(receipt, incident=parcel.incident, revision=parcel.revision, body=parcel.body, keys=self._pins)
        if not wrong and parcel.national_id and receipt.national_id != parcel.national_id:
            wrong = "it names another national id"
        if wrong:
            self._signals.count("notifier_bad_receipts")
            _log.error("a receipt does not hold", incident=parcel.incident, why=wrong)
            raise RetryError(
                f"the receipt for {parcel.incident} does not hold: {wrong}; compare the pinned key with GET /api/v1/keys"
            )

    async def _pin(self) -> dict[str, bytes]:
        place = f"{self._sink.name}/"
        kept = {e.key: e.value async for e in await self._state.scan("pins")}
        pins = {key.removeprefix(place): value for key, value in kept.items() if key.startswith(place)}
        if not pins:
            pins = dict(await self._sink.keys())
            now = self._clock.now()
            await self._state.commit(Commit(puts=tuple(Put("pins", place + id, raw, now) for id, raw in pins.items())))
            _log.warning("pinned the receiver's public keys at first use; compare them by telephone", keys=sorted(pins))
        return pins

    async def _delivered(self, parcel: Parcel, receipt: Receipt) -> None:
        now = self._clock.now()

        def after(old: Delivery) -> Delivery:
            return replace(
                old,
                sent=parcel.revision,
                attempts=0,
                due_at=now + self._interval,
                state="delivered" if old.wanted <= parcel.revision else "waiting",
                last_error="",
                national_id=receipt.national_id,
                receipt=receipt,
            )

        kept = Put("receipts", f"{parcel.incident}:{parcel.revision:08d}", encode(receipt), now)
        await self._settle(parcel, after, (kept,))
        self._signals.count("notifier_deliveries", result="delivered")
        if not parcel.national_id:
            self._signals.took("notifier_first_notice", max(0, now - parcel.detected_at) / SECOND)
        if self._failures >= DOWN:
            self._outbox.hasten(lambda: now + int(self._dice() * SPREAD))
            _log.warning("the receiver is back", sink=self._sink.name, waiting=len(self._outbox))
        self._failures = 0
        self._wake.set()

    async def _failed(self, parcel: Parcel, error: RetryError) -> None:
        now = self._clock.now()

        def after(old: Delivery) -> Delivery:
            due = next_attempt(old.attempts + 1, now, self._dice(), error.retry_after)
            return replace(old, attempts=old.attempts + 1, due_at=due, last_error=str(error)[:500])

        await self._settle(parcel, after, (), done=False)
        self._signals.count("notifier_deliveries", result="retry")
        self._failures += 1
        if self._failures == DOWN:
            _log.error("the receiver is down; everything is kept and tried again", sink=self._sink.name, error=str(error))
        else:
            _log.info("delivery will be tried again", incident=parcel.incident, error=str(error))

    async def _refused(self, parcel: Parcel, error: RefusedError) -> None:
        def after(old: Delivery) -> Delivery:
            state: DeliveryState = "refused" if old.wanted <= parcel.revision else "waiting"
            return replace(old, state=state, attempts=old.attempts + 1, last_error=str(error)[:500])

        await self._settle(parcel, after, ())
        self._signals.count("notifier_deliveries", result="refused")
        self._failures = 0
        _log.error("a report was refused and needs a person", incident=parcel.incident, error=str(error))

    async def _settle(
        self, parcel: Parcel, after: Callable[[Delivery], Delivery], puts: tuple[Put, ...], done: bool = True
    ) -> None:
        """Write the outcome into the outbox entry as it is now: alerts may have asked for a newer revision meanwhile."""
        deletes = (("parcels", parcel.incident),) if done else ()
        while True:
            entry = await self._state.get("outbox", parcel.incident)
            if entry is None:
                raise CorruptError(f"outbox entry {parcel.incident} is gone; restore state.db from a backup")
            new = after(decode_delivery(entry.value))
            put = Put("outbox", parcel.incident, encode(new), new.due_at, entry.version)
            try:
                await self._state.commit(Commit(puts=(*puts, put), deletes=deletes))
            except ConflictError:
                continue
            self._outbox.note(new, self._clock.now())
            return
