"""An information system of the province, as ``config/systems.yml`` registers it."""

import msgspec

from model.moment import MINUTE, Micros


class Expected(msgspec.Struct, frozen=True):
    """A log source that must keep talking. ``host`` and ``format`` as events carry them.

    Silent for ``silent_after`` (event time, default 15 minutes) means something is cut off.
    """

    host: str
    format: str
    silent_after: Micros = 15 * MINUTE


class System(msgspec.Struct, frozen=True):
    """One system. ``row`` is its number in the province's list (1–27), ``level`` 1–5 by Decree 331 Art. 11–15.

    ``hosts`` are host names (``*`` allowed at either end), ``addresses`` networks in CIDR form, ``sources`` names of configured
    sources that carry nothing else. ``rate`` is the expected events/s of a working day.
    """

    code: str
    row: int
    name: str
    name_en: str
    owner: str
    operator: str
    level: int
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    rate: float = 0.0
    expected: tuple[Expected, ...] = ()
