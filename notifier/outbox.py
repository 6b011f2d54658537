"""Which deliveries are due, in memory: the outbox as the delivery's workers see it. Pure; rebuilt from the store at start."""

import heapq
from collections.abc import Callable

from model import Delivery, Micros


class Outbox:
    """Waiting deliveries by due time. At most one worker has an incident at a time."""

    def __init__(self) -> None:
        self._due: dict[str, Micros] = {}
        self._since: dict[str, Micros] = {}
        self._heap: list[tuple[Micros, str]] = []
        self._busy: set[str] = set()

    def __len__(self) -> int:
        """How many wait or are under way."""
        return len(self._due)

    @property
    def busy(self) -> int:
        """How many are under way."""
        return len(self._busy)

    def note(self, delivery: Delivery, now: Micros) -> None:
        """Take over what the store says about a delivery."""
        id = delivery.incident
        if delivery.state != "waiting":
            self._due.pop(id, None)
            self._since.pop(id, None)
            return
        self._since.setdefault(id, now)
        self._plan(id, delivery.due_at)

    def take(self, now: Micros) -> str | None:
        """An incident that is due and nobody is at, the longest due first; it is under way until ``release``."""
        while self._heap and self._heap[0][0] <= now:
            due, id = heapq.heappop(self._heap)
            if id not in self._busy and self._due.get(id) == due:
                self._busy.add(id)
                return id
        return None

    def release(self, id: str) -> None:
        """The attempt is over; if the delivery still waits it can be taken again when due."""
        self._busy.discard(id)
        if id in self._due:
            heapq.heappush(self._heap, (self._due[id], id))

    def hasten(self, when: Callable[[], Micros]) -> None:
        """Bring every waiting delivery forward to ``when()`` if that is earlier."""
        for id, due in list(self._due.items()):
            self._plan(id, min(due, when()))

    def oldest(self, now: Micros) -> Micros:
        """How long the longest waiting one has been waiting, in microseconds; 0 when none is."""
        return max(0, now - min(self._since.values(), default=now))

    def _plan(self, id: str, due: Micros) -> None:
        if self._due.get(id) != due:
            self._due[id] = due
            if id not in self._busy:
                heapq.heappush(self._heap, (due, id))
