"""What a place reports go to looks like. A new sink is one file beside this one."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from model import Micros, Receipt


class Parcel(msgspec.Struct, frozen=True):
    """One revision of one incident on its way: kept until acknowledged, so that every retry carries the same bytes.

    ``key`` is the idempotency key. ``national_id`` is empty for the first report; ``seen`` is the revision the receiver has.
    ``detected_at`` is T0 of its incident.
    """

    incident: str
    revision: int
    key: str
    body: bytes
    national_id: str = ""
    seen: int = 0
    detected_at: Micros = 0


class Sink(Protocol):
    """Takes reports. One attempt a call: when to try again is the delivery's business."""

    @property
    def name(self) -> str:
        """For logs and signals."""
        ...

    async def deliver(self, parcel: Parcel) -> Receipt:
        """Hand over a parcel; the receipt is not verified yet.

        RetryError: later, perhaps (also when the outcome is unknown). RefusedError: never, as it is.
        """
        ...

    async def keys(self) -> Mapping[str, bytes]:
        """Public keys the receiver signs with now, by id. RetryError when it cannot say."""
        ...

    async def close(self) -> None: ...
