"""State of detection as entries of the state store: only what changed, in the same commit as the cursor. Pure.

Spaces: ``windows`` (one entry a group, named correlation|hash of key), ``suppression`` (one an open alert, named by its id) and
``correlator`` (entry ``stream``: newest event time and the expected sources). Values are MessagePack. Losing all three spaces
loses open windows and counts, never an alert.
"""

from collections.abc import Iterable
from typing import Final

from backbone.ports import Put
from correlator.silence import Silence
from correlator.suppression import Suppression
from correlator.windows import Windows
from model import Micros

WINDOWS: Final = "windows"
SUPPRESSION: Final = "suppression"
STREAM: Final = ("correlator", "stream")

Changes = tuple[tuple[Put, ...], tuple[tuple[str, str], ...]]
"""(entries to write, (space, key) to delete)."""


def changes(windows: Windows, suppression: Suppression, silence: Silence, useless: Iterable[str], at: Micros) -> Changes:
    """What has to be written since the last call. ``useless`` are window entries that nothing can use any more."""
    puts: list[Put] = []
    deletes: list[tuple[str, str]] = [(WINDOWS, name) for name in useless]
    for space, changed in ((WINDOWS, windows.changes()), (SUPPRESSION, suppression.changes())):
        for name, state in changed:
            if state is None:
                deletes.append((space, name))
            else:
                puts.append(Put(space, name, state, at))
    puts.append(Put(*STREAM, silence.state(), at))
    return tuple(puts), tuple(deletes)


def restore(
    windows: Windows,
    suppression: Suppression,
    silence: Silence,
    saved_windows: Iterable[tuple[str, bytes]],
    saved_alerts: Iterable[tuple[str, bytes]],
    stream: bytes | None,
) -> list[str]:
    """Put saved state back; return the names of window entries that are of no use any more."""
    useless = windows.restore(saved_windows)
    suppression.restore(saved_alerts)
    if stream is not None:
        silence.restore(stream)
    return useless
