"""Which file on disk is which file we know: the decision at every scan. The looking is done by the functions given; no I/O here.

1. Same device and inode, and the content agrees: the same file, under whatever name.
2. What is left on both sides and whose names are kin: the same if content agrees (a copy, a compressed one).
3. What is left on disk and looks like rotation's copy of a file still followed: not yet anybody (copytruncate is at work).
4. The rest is new if a pattern matches it, or if it was made and rotated while nobody looked: written since the very first
   look. What may be a copy of another new one waits a scan.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Protocol, TypeVar

import msgspec

from collector.sources.tail_names import compressed, kin, numbered, rotated_from, understand
from model import Micros


class Seen(msgspec.Struct, frozen=True):
    """A file as a scan saw it. ``wanted``: a pattern matches; others are looked at only to find known files again."""

    path: str
    device: int
    inode: int
    size: int
    changed: int
    wanted: bool = True

    @property
    def signature(self) -> tuple[int, int, int, int]:
        return self.device, self.inode, self.size, self.changed


class Verdict(Enum):
    """SAME; SHORT: an older copy of it with nothing new; WAIT: cannot be told yet; OTHER."""

    SAME = 1
    SHORT = 2
    WAIT = 3
    OTHER = 4


class Followed(Protocol):
    """What the decision needs of a known file. ``draining``: deleted or out of sight, but still open with bytes to read."""

    id: str
    path: str
    device: int
    inode: int
    length: int

    @property
    def draining(self) -> bool: ...


F = TypeVar("F", bound=Followed)


def assign(
    files: Iterable[F],
    seen: Sequence[Seen],
    same: Callable[[F, Seen], Verdict],
    is_copy: Callable[[F, Seen], bool],
    since: Micros,
) -> tuple[list[tuple[F, Seen, Verdict]], list[Seen]]:
    """Known files found, and files never seen. ``same`` compares content, ``is_copy`` tells a copy of a live file.

    ``since``: when this source looked for the first time; what was rotated before is not new.
    """
    found: dict[str, tuple[F, Seen, Verdict]] = {}
    taken: set[str] = set()
    places: dict[tuple[int, int], list[F]] = {}
    kept = list(files)
    for file in kept:
        places.setdefault((file.device, file.inode), []).append(file)
    for one in seen:
        for file in places.get((one.device, one.inode), ()):
            if file.id not in found and same(file, one) is Verdict.SAME:
                found[file.id] = (file, one, Verdict.SAME)
                taken.add(one.path)
                break
    free: dict[str, list[F]] = {}
    for file in kept:
        if file.id not in found and file.length and not file.draining:
            free.setdefault(understand(file.path).stem, []).append(file)
    unclear: set[str] = set()
    for one in sorted((s for s in seen if s.path not in taken), key=lambda s: (compressed(s.path), -s.size)):
        best = _best(free.get(understand(one.path).stem, ()), one, found, same, unclear)
        if best:
            found[best[0].id] = best
            taken.add(one.path)
    live = [(file, place.path) for file, place, _ in found.values()]
    live += [(file, file.path) for file in kept if file.draining and file.id not in found]
    by_stem: dict[str, list[tuple[F, str]]] = {}
    for pair in live:
        by_stem.setdefault(understand(pair[1]).stem, []).append(pair)
    fresh = [
        one
        for one in seen
        if one.path not in taken
        and one.path not in unclear
        and (one.wanted or _missed(one, kept, same, since))
        and not any(
            rotated_from(one.path, path) and is_copy(file, one) for file, path in by_stem.get(understand(one.path).stem, ())
        )
    ]
    return list(found.values()), _without_copies(fresh)


def _missed(one: Seen, files: Iterable[F], same: Callable[[F, Seen], Verdict], since: Micros) -> bool:
    """Whether ``one`` was made and rotated between two looks: written since the first, and nothing we know has its content."""
    if not numbered(one.path) or one.changed <= since * 1000:
        return False
    return all(same(file, one) is Verdict.OTHER for file in files if file.length and kin(file.path, one.path))


def _without_copies(fresh: list[Seen]) -> list[Seen]:
    """Of files that turn up together, one that may be a copy waits for the next scan, which compares it with the other."""
    kinds: dict[str, list[Seen]] = {}
    for one in fresh:
        kinds.setdefault(understand(one.path).stem, []).append(one)
    return [one for one in fresh if not any(_maybe_copy(one, other) for other in kinds[understand(one.path).stem])]


def _maybe_copy(one: Seen, other: Seen) -> bool:
    if compressed(one.path):
        return one.path == other.path + ".gz"
    return 0 < one.size <= other.size and rotated_from(one.path, other.path)


def _best(
    free: Iterable[F],
    one: Seen,
    found: dict[str, tuple[F, Seen, Verdict]],
    same: Callable[[F, Seen], Verdict],
    unclear: set[str],
) -> tuple[F, Seen, Verdict] | None:
    """The known file ``one`` most likely is: the longest common beginning."""
    best: tuple[F, Seen, Verdict] | None = None
    for file in free:
        if file.id in found or not kin(file.path, one.path):
            continue
        verdict = same(file, one)
        if verdict is Verdict.WAIT:
            unclear.add(one.path)
        elif verdict is not Verdict.OTHER and (best is None or _order(file, verdict) > _order(best[0], best[2])):
            best = (file, one, verdict)
    return best


def _order(file: Followed, verdict: Verdict) -> tuple[bool, int]:
    return verdict is Verdict.SAME, file.length
