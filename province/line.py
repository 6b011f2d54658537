"""One line of a log on its way, and a burst of them."""

from collections.abc import Iterator
from random import Random

import msgspec

from model import Micros
from province.people import Town


class Line(msgspec.Struct, frozen=True):
    """One record as it travels.

    ``at`` is when it was written. ``channel``: ``syslog`` (``text`` is a whole RFC 3164 or 5424 line with PRI), ``file:<name>``
    (a line of ``places.FILES[name]``) or ``http`` (a JSON object). ``attack`` names the attack it belongs to, empty for honest
    lines.
    """

    at: Micros
    channel: str
    host: str
    text: str
    attack: str = ""


class Scene(msgspec.Struct, frozen=True):
    """What a system's generator is given: its own ``rng``, midnight of the ``day`` (UTC+7), the ``scale``, and who lives here."""

    rng: Random
    day: Micros
    scale: float
    town: Town


Bursts = Iterator[tuple[Micros, list[Line]]]
"""(start, lines): starts never go back, no line is earlier than its burst's start."""
