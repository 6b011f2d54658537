"""What is remembered of a file between runs, and the table of all of them. No I/O, no clock.

A file is recognised by its beginning (``length`` bytes with this ``digest``, up to 1,024, growing with the file), by the bytes
just before the position, and, as a hint, by device and inode. ``docs/decisions/tail.md`` says why.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import msgspec

from model import BackboneError, Micros
from model.moment import DAY

HEAD: Final = 1024
FORGET: Final = 7 * DAY
MOST: Final = 20_000
_VERSION: Final = 1


class Known(msgspec.Struct, frozen=True, array_like=True):
    """One file. ``id`` is random, given at first sight: half of every cursor. Offsets are of the uncompressed stream.

    ``offset`` is the first byte not yet durable; ``anchor`` digests the ``back`` bytes before it. ``done``: a compressed file
    read to its end, or not wanted. ``path`` is of the last sight, in the file system's bytes.
    """

    id: str
    path: bytes
    device: int
    inode: int
    offset: int
    length: int
    digest: bytes
    back: int
    anchor: bytes
    done: bool
    seen_at: Micros


class _Table(msgspec.Struct, frozen=True, array_like=True):
    version: int
    files: list[Known]
    since: Micros | None = None


def digest(content: bytes) -> bytes:
    """What is kept of log content in a checkpoint: 12 bytes that do not tell it."""
    return blake2b(content, digest_size=12).digest()


def encode(files: Iterable[Known], since: Micros | None = None) -> bytes:
    """A table. ``since``: when the source looked for the first time."""
    return msgspec.msgpack.encode(_Table(_VERSION, list(files), since))


def decode(name: str, table: bytes | None) -> list[Known]:
    """Files of a checkpoint. BackboneError when it is not one of ours."""
    return _decode(name, table).files


def first_look(name: str, table: bytes | None) -> Micros | None:
    """``since`` of a checkpoint. BackboneError as above."""
    return _decode(name, table).since


def _decode(name: str, table: bytes | None) -> _Table:
    if not table:
        return _Table(_VERSION, [])
    try:
        return msgspec.msgpack.decode(table, type=_Table)
    except (msgspec.DecodeError, ValueError) as error:
        raise BackboneError(f"Checkpoint {name} cannot be read ({error}); it was written by another version.") from error


def merge(tables: Iterable[list[Known]]) -> list[Known]:
    """One entry an id; the one that got further wins."""
    found: dict[str, Known] = {}
    for table in tables:
        for known in table:
            other = found.get(known.id)
            if other is None or (known.offset, known.done) >= (other.offset, other.done):
                found[known.id] = known
    return list(found.values())
