"""Senders for fault tests and benchmarks that know exactly what they got through: every line has a serial of its own."""

import gzip
import random
import shutil
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bench.house import House
from province.endless import Endless
from province.rhythm import bsd

EVERY: Final = 20
"""One line in so many is a refused log-in, another a command run with sudo."""
KEPT: Final = 60
"""Rotated files a writer keeps."""

RULES: Final = """\
title: A log-in was refused
id: 11111111-0000-4000-8000-000000000001
name: refused
logsource: {product: linux, service: sshd}
detection:
    chosen: {action: failed}
    condition: chosen
level: low
---
title: A command was run with sudo
id: 11111111-0000-4000-8000-000000000002
logsource: {product: linux, service: sudo}
detection:
    chosen: {CommandLine|contains: '/bin/check vg-'}
    condition: chosen
level: medium
---
title: Many log-ins were refused
id: 11111111-0000-4000-8000-000000000003
correlation:
    type: event_count
    rules: [refused]
    group-by: [src_ip]
    timespan: 5s
    condition: {gte: 10}
    generate: true
level: high
"""
"""What `lines` raises alerts with: one a refused log-in, one a host's sudo with a count, one a burst from an address."""


def lines(number: int, start: int, rate: int) -> Iterator[str]:
    """Lines of sender ``number`` (0…9): serials from ``number`` · 10⁹ on, ``rate`` a second of event time from ``start`` (µs)."""
    first = number * 10**9
    for serial, text in enumerate(Endless(number, start, rate, first).texts(), first):
        stamp = bsd(start + (serial - first) * 1_000_000 // rate)
        burst = serial // 1_000 % 5
        if serial % EVERY == 0:
            told = f"Failed password for vg-{serial:012d} from 198.51.{number}.{burst} port 50022 ssh2"
            yield f"<38>{stamp} gate-{number} sshd[4012]: {told}"
        elif serial % EVERY == EVERY // 2:
            told = f"clerk{number} : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/check vg-{serial:012d}"
            yield f"<86>{stamp} desk-{burst} sudo[99]: {told}"
        else:
            yield text


class Sender(threading.Thread):
    """Sends lines until ``finish``; ``sent`` of them got through. ``crashed`` is what went wrong, None when nothing did."""

    def __init__(self, number: int, source: Iterator[str], *, batch: int, pause: float, limit: int = 0) -> None:
        super().__init__(daemon=True)
        self.number, self.sent = number, 0
        self._source, self._batch, self._pause, self._limit = source, batch, pause, limit
        self._finish = threading.Event()
        self.crashed: BaseException | None = None

    @property
    def serials(self) -> range:
        """Serials of the lines that got through."""
        first = self.number * 10**9
        return range(first, first + self.sent)

    def run(self) -> None:
        try:
            while not self._finish.is_set():
                room = min(self._batch, self._limit - self.sent) if self._limit else self._batch
                if room <= 0:
                    break
                self.pass_on([next(self._source) for _ in range(room)])
                self.sent += room
                self._finish.wait(self._pause)
        except BaseException as crash:
            self.crashed = crash

    def pass_on(self, batch: list[str]) -> None:
        """Return once ``batch`` is somebody else's responsibility."""
        raise NotImplementedError

    def finish(self) -> None:
        """Stop after the batch in hand. What crashed the sender is raised here."""
        self._finish.set()
        self.wait()

    def wait(self) -> None:
        """Until the sender has done what it was made for."""
        self.join()
        if self.crashed is not None:
            raise self.crashed


class Poster(Sender):
    """HTTP ingest: each batch has an idempotency key and is sent again until it is acknowledged."""

    def __init__(self, house: House, number: int, source: Iterator[str], **options: float | int) -> None:
        super().__init__(number, source, **options)  # type: ignore[arg-type]
        self._house, self.refused = house, 0

    def pass_on(self, batch: list[str]) -> None:
        body, key = "\n".join(batch).encode() + b"\n", f"{self.number}-{self.sent}"
        while True:
            try:
                status = self._house.post(body, key, kind="text/plain")
            except (urllib.error.URLError, OSError):
                status = 0
            if status == 200:
                return
            if status not in (0, 429, 503):
                raise RuntimeError(f"HTTP ingest answered {status}")
            self.refused += 1
            time.sleep(0.05)


class Writer(Sender):
    """A growing file, rotated at about ``every`` lines as ``how`` says: ``rename``, ``copy`` (and truncate) or ``gzip``."""

    def __init__(self, file: Path, how: str, every: int, number: int, source: Iterator[str], **options: float | int) -> None:
        super().__init__(number, source, **options)  # type: ignore[arg-type]
        self._file, self._every, self._written, self.rotations = file, every, 0, 0
        self._rotate: Callable[[], None] = {"rename": self._by_rename, "copy": self._by_copy, "gzip": self._by_gzip}[how]
        self._random = random.Random(number)
        self._stream = file.open("ab", buffering=0)

    def pass_on(self, batch: list[str]) -> None:
        # Cut anywhere, as a program's buffer is.
        content = "\n".join(batch).encode() + b"\n"
        cut = self._random.randrange(len(content))
        for part in (content[:cut], content[cut:]):
            if part:
                self._stream.write(part)
        self._written += len(batch)
        if self._written >= self._every:
            self._written = 0
            self.rotations += 1
            self._rotate()

    def _old(self, number: int, end: str = "") -> Path:
        return self._file.with_name(f"{self._file.name}.{number}{end}")

    def _shift(self, end: str = "") -> None:
        self._old(KEPT, end).unlink(missing_ok=True)
        for number in range(KEPT - 1, 0, -1):
            if (old := self._old(number, end)).exists():
                old.rename(self._old(number + 1, end))

    def _by_rename(self) -> None:
        self._shift()
        self._file.rename(self._old(1))
        self._stream.close()
        self._stream = self._file.open("ab", buffering=0)

    def _by_copy(self) -> None:
        self._shift()
        shutil.copyfile(self._file, self._old(1))
        self._stream.truncate(0)

    def _by_gzip(self) -> None:
        """logrotate's compress: the new name is packed into another file, then removed."""
        self._shift(".gz")
        self._file.rename(self._old(1))
        self._stream.close()
        self._stream = self._file.open("ab", buffering=0)
        with self._old(1).open("rb") as plain, gzip.open(self._old(1, ".gz"), "wb") as packed:
            shutil.copyfileobj(plain, packed)
        self._old(1).unlink()
