"""How fast are all SigmaHQ rules on real Windows events? ``python -m bench.sigma``.

Decoding of the stored event (JSON → Event) and matching, one core, first pass and again; process creation alone; every text made
unique so that nothing can be remembered; start cold and warm; memory. Needs ``../shared`` beside the checkout.
"""

import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from backbone.codec import decode_event, encode_event
from collector.parsers.windows import from_document
from collector.recipe import Context
from correlator.cache import load_or_compile
from correlator.match import Compiled, Matcher
from model import Event

SHARED = Path(__file__).resolve().parent.parent / "../shared"
RULES = tuple(SHARED / "sigma" / name for name in ("rules", "rules-emerging-threats", "rules-threat-hunting"))
CONTEXT = Context(received_at=0, zone="Asia/Ho_Chi_Minh", peer="")


class Row(NamedTuple):
    """One measurement."""

    what: str
    value: float
    unit: str
    note: str = ""


def run(rounds: int = 3) -> list[Row]:
    """All measurements, medians of ``rounds``; empty (and says so) without ``../shared``."""
    if not (SHARED / "sigma").is_dir():
        print("bench.sigma: skipped, there is no ../shared beside the checkout", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder:
        cold, _ = _timed(lambda: load_or_compile(RULES, Path(folder)))
        warm, compiled = _timed(lambda: load_or_compile(RULES, Path(folder)))
        memory = _memory(Path(folder))
    records = _records()
    created = [record for record in records if b"process_creation" in record] or records[:1]
    rows = [
        Row("rules", len(compiled.rules), "", f"{len(compiled.refused)} refused, {len(compiled.predicates):,} predicates"),
        Row("start, cold", cold, "s", "in a child process"),
        Row("start, warm", warm, "s"),
        Row("memory of a process with all rules", memory, "MiB", "warm start, before the first event"),
        Row("decode only", _rate(records, lambda: lambda event: None, rounds), "events/s"),
    ]
    rows += _both("decode and match, all events", compiled, records, rounds)
    rows += _both("decode and match, process creation", compiled, created * max(1, 4_000 // len(created)), rounds, fresh=True)
    unique = [_unique(record, number) for number, record in enumerate(records[::8])]
    rows.append(Row("decode and match, every text unique", _rate(unique, _new(compiled, records[::40]), rounds), "events/s"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*rows, Row("memory, highest", peak, "MiB", "with all events of the bench in it")]


def _both(what: str, compiled: Compiled, records: Sequence[bytes], rounds: int, fresh: bool = False) -> list[Row]:
    """First pass with a new matcher, and again with the same."""
    first = [_unique(record, number) if fresh else record for number, record in enumerate(records)]
    known = Matcher(compiled)
    for record in first:
        known.match(decode_event(record))
    return [
        Row(
            what + ", first pass",
            _rate(first, lambda: Matcher(compiled).match, rounds),
            "events/s",
            "every text unique" if fresh else "",
        ),
        Row(what + ", again", _rate(first, lambda: known.match, rounds), "events/s"),
    ]


def _new(compiled: Compiled, before: Sequence[bytes]) -> Callable[[], Callable[[Event], object]]:
    def made() -> Callable[[Event], object]:
        matcher = Matcher(compiled)
        for record in before:
            matcher.match(decode_event(record))
        return matcher.match

    return made


def _rate(records: Sequence[bytes], made: Callable[[], Callable[[Event], object]], rounds: int) -> float:
    rates = []
    for _ in range(rounds):
        match = made()
        begun = time.process_time()
        for record in records:
            match(decode_event(record))
        rates.append(len(records) / (time.process_time() - begun))
    return median(rates)


def _timed(work: Callable[[], Compiled]) -> tuple[float, Compiled]:
    begun = time.perf_counter()
    made = work()
    return time.perf_counter() - begun, made


def _records() -> list[bytes]:
    """The events as the topic carries them."""
    made = []
    with gzip.open(SHARED / "events/windows-otrf.jsonl.gz") as lines:
        for number, line in enumerate(lines):
            parsed = from_document(msgspec.json.decode(line), CONTEXT)
            made.append(encode_event(Event(str(number), "bench", 0, 0, "", "windows", parsed.logsource, fields=parsed.fields)))
    return made


def _unique(record: bytes, number: int) -> bytes:
    """The same event with every longer text made one that never came before."""
    event = decode_event(record)
    fields = {k: f"{v} {number}" if isinstance(v, str) and len(v) > 12 else v for k, v in event.fields.items()}
    return encode_event(msgspec.structs.replace(event, fields=fields))


def _memory(folder: Path) -> float:
    """MiB of a new process that loads all rules warm and matches nothing."""
    program = (
        "import sys, json, resource; from pathlib import Path; from correlator.cache import load_or_compile; "
        "from correlator.match import Matcher; order = json.loads(sys.argv[1]); "
        "kept = Matcher(load_or_compile([Path(p) for p in order['rules']], Path(order['cache']))); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    order = json.dumps({"rules": [str(path) for path in RULES], "cache": str(folder)})
    return float(subprocess.run([sys.executable, "-c", program, order], check=True, capture_output=True, text=True).stdout)


def table(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table."""
    lines = ["| what | value | note |", "| --- | ---: | --- |"]
    return "\n".join(lines + [f"| {r.what} | {r.value:,.{1 if r.value < 100 else 0}f} {r.unit} | {r.note} |" for r in rows])


if __name__ == "__main__":
    print(table(run()))
