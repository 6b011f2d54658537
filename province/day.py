"""A day in the province: every system's lines in the order of time, five attacks woven in. Reproducible by seed.

Theory: each system yields bursts (a visit, a log-in, a scan) in order of their starts; one heap holds the lines of bursts
already begun. A line leaves the heap when no later burst can be before it, so memory is that of the open bursts only.
"""

from collections.abc import Iterator
from heapq import heappop, heappush, merge
from operator import itemgetter
from random import Random

from model import Micros
from model.moment import DAY
from province import attacks, database, edge, identity, lgsp, mail, portal, servers, web, windows
from province.line import Bursts, Line, Scene
from province.people import make_town

SYSTEMS = (portal, web, lgsp, mail, identity, database, servers, windows, edge)


class Day:
    """The lines of one working day.

    ``date`` is midnight UTC+7 in microseconds. ``scale`` 1.0 is about 120,000 lines; machines' own regular lines (probes, cron)
    are never scaled, so that no source looks silent. ``attacks`` False gives the same honest lines without the five attacks.
    Iterating twice gives the same lines.
    """

    def __init__(self, seed: int, date: Micros, scale: float = 1.0, *, attacks: bool = True) -> None:
        self.seed = seed
        self.date = date
        self.scale = scale
        self.attacks = attacks

    def __iter__(self) -> Iterator[Line]:
        until, cut = self.date + DAY, self.date + attacks.CUT_AT
        for line in _in_order(self._streams()):
            if line.at >= until:
                return
            if self.attacks and line.host == attacks.CUT_HOST and line.at > cut:
                continue
            yield line

    def _streams(self) -> list[Bursts]:
        town = make_town(self.seed)
        streams: list[Bursts] = []
        for system in SYSTEMS:
            for stream in system.STREAMS:
                rng = Random(f"{self.seed}:{self.date}:{stream.__module__}.{stream.__name__}")  # noqa: S311 - reproducible, not secret
                streams.append(stream(Scene(rng, self.date, self.scale, town)))
        if self.attacks:
            for attack in attacks.ATTACKS:
                rng = Random(f"{self.seed}:{self.date}:{attack.name}")  # noqa: S311 - reproducible, not secret
                streams.append(attack.bursts(Scene(rng, self.date, self.scale, town)))
        return streams


def _in_order(streams: list[Bursts]) -> Iterator[Line]:
    waiting: list[tuple[Micros, int, Line]] = []
    serial = 0
    for start, lines in merge(*streams, key=itemgetter(0)):
        while waiting and waiting[0][0] < start:
            yield heappop(waiting)[2]
        for line in lines:
            heappush(waiting, (line.at, serial, line))
            serial += 1
    while waiting:
        yield heappop(waiting)[2]
