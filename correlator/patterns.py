"""All patterns of one field at once: ``Patterns.hits`` names those found in a text.

Two of a kind. ``HyperscanPatterns`` scans a text once, whatever the number of patterns, in time linear in its length.
``PlainPatterns`` needs nothing but Python and tries them one by one: the same verdicts, slower.

Both take (text, folded text). Patterns without case are tried on the folded text, the others on the text itself. When a
text is ASCII, folding it and ignoring ASCII case are the same, so one scan serves both.
"""

import platform
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from correlator.regex import blow_up, flags_of
from correlator.text import SEPARATOR, STAND_IN

hyperscan: Any
try:
    import hyperscan
except ImportError:  # no wheel for this machine
    hyperscan = None

Pattern = tuple[int, str, str, str]
"""(number, kind ``glob`` or ``regex``, value, flags) of a predicate."""

_LONG: Final = 2000
PLAIN_LIMIT: Final = 65_536
"""Characters of a text that a regular expression sees without Hyperscan: backtracking may be quadratic in it."""


class Patterns(Protocol):
    """The patterns of a field."""

    def hits(self, text: str, folded: str) -> list[int]:
        """Numbers of the patterns found, each at most once, in any order."""
        ...


KINDS: Final = ("glob", "regex")


def joinable(kind: str, value: str) -> bool:
    """Can this be looked for in many values joined by SEPARATOR?"""
    return kind == "glob" and SEPARATOR not in value and STAND_IN not in value


def available() -> bool:
    """Is Hyperscan installed?"""
    return hyperscan is not None


def version() -> str:
    """Version of Hyperscan and what its databases depend on; ``none`` without it."""
    return str(hyperscan.__version__) if hyperscan is not None else "none"


def processor() -> str:
    """What a database is compiled for: one made on another kind of processor may not run here."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        flags = ""
    return f"{platform.machine()} {platform.processor()} {flags}"


def parts(glob: str) -> Iterator[tuple[str, str]]:
    """A glob cut into (``=``, literal), (``*``, "") and (``?``, "")."""
    literal = ""
    chars = iter(glob)
    for char in chars:
        if char in "*?":
            if literal:
                yield "=", literal
            literal = ""
            yield char, ""
        else:
            literal += next(chars, "\\") if char == "\\" else char
    if literal:
        yield "=", literal


def literal_glob(text: str) -> str:
    """Text as a glob that means just this text."""
    return "".join("\\" + c if c in "*?\\" else c for c in text)


def tidy(glob: str) -> str:
    """The same glob without stars beside stars."""
    made = ""
    for what, text in parts(glob):
        if what != "*" or not made.endswith("*") or made.endswith("\\*"):
            made += literal_glob(text) if what == "=" else what
    return made


def python_regex(pattern: Pattern) -> "re.Pattern[str]":
    """A pattern as a Python regular expression over the (folded) text, for ``search``."""
    _, kind, value, flags = pattern
    if kind == "regex":
        return re.compile(value, flags_of(value, flags))
    body = "".join(re.escape(text) if what == "=" else ".*" if what == "*" else "." for what, text in parts(value))
    return re.compile(r"\A" + body + r"\Z", re.DOTALL)


def _is_raw(pattern: Pattern) -> bool:
    return pattern[1] == "regex" or "c" in pattern[3]


class HyperscanPatterns:
    """One Hyperscan database. ``checked`` are patterns it cannot take, tried by Python."""

    def __init__(self, database: Any, patterns: Sequence[Pattern], checked: Sequence[Pattern] = ()) -> None:
        self._scan = database.scan
        self._database = database
        self._raw = frozenset(p[0] for p in patterns if _is_raw(p))
        self._checked = PlainPatterns(checked) if checked else None

    def hits(self, text: str, folded: str) -> list[int]:
        found: list[int] = []
        add = found.append

        def hit(number: int, start: int, end: int, flags: int, context: object) -> None:
            add(number)

        if folded.isascii() and text.isascii():
            self._scan(text.encode(), match_event_handler=hit)
        elif not self._raw:
            self._scan(folded.encode(), match_event_handler=hit)
        else:
            self._scan(folded.encode(), match_event_handler=hit)
            raw = self._raw
            found[:] = [number for number in found if number not in raw]
            cut = len(found)
            self._scan(text.encode(), match_event_handler=hit)
            found[cut:] = [number for number in found[cut:] if number in raw]
        if self._checked is not None:
            found.extend(self._checked.hits(text, folded))
        return found


class PlainPatterns:
    """Patterns tried one by one: string methods where they do, Python's ``re`` where not."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._folded = [(p[0], plain_test(p)) for p in patterns if not _is_raw(p)]
        self._raw = [(p[0], plain_test(p)) for p in patterns if _is_raw(p)]

    def hits(self, text: str, folded: str) -> list[int]:
        found = [number for number, check in self._folded if check(folded)]
        found.extend(number for number, check in self._raw if check(text))
        return found


def plain_test(pattern: Pattern) -> Callable[[str], bool]:
    """One pattern as a function of the text it is tried on."""
    _, kind, value, _ = pattern
    if kind == "regex":
        search = python_regex(pattern).search
        return lambda text: search(text[:PLAIN_LIMIT]) is not None
    return like(list(parts(value)))


def like(wanted: list[tuple[str, str]]) -> Callable[[str], bool]:
    """A glob as a function: leftmost pieces between stars, never backtracking, so linear but for ``?``."""
    runs: list[list[tuple[str, str]]] = [[]]
    for part in wanted:
        if part[0] == "*":
            runs.append([])
        else:
            runs[-1].append(part)
    if len(runs) == 1:
        return _Run(runs[0]).whole
    first, last = _Run(runs[0]), _Run(runs[-1])
    middle = [_Run(run) for run in runs[1:-1] if run]

    def check(text: str) -> bool:
        if len(text) < first.size + last.size or not first.at(text, 0) or not last.at(text, len(text) - last.size):
            return False
        place, end = first.size, len(text) - last.size
        for run in middle:
            place = run.find(text, place, end)
            if place < 0:
                return False
            place += run.size
        return True

    return check


class _Run:
    """Literal text and ``?`` between two stars."""

    def __init__(self, run: list[tuple[str, str]]) -> None:
        self.size = sum(len(text) if what == "=" else 1 for what, text in run)
        self.literal = run[0][1] if len(run) == 1 and run[0][0] == "=" else None
        self.pieces: list[tuple[int, str]] = []
        place = 0
        for what, text in run:
            if what == "=":
                self.pieces.append((place, text))
            place += len(text) if what == "=" else 1

    def at(self, text: str, place: int) -> bool:
        return place >= 0 and all(text.startswith(piece, place + offset) for offset, piece in self.pieces)

    def whole(self, text: str) -> bool:
        return len(text) == self.size and self.at(text, 0)

    def find(self, text: str, start: int, end: int) -> int:
        if self.literal is not None:
            return text.find(self.literal, start, end)
        return next((place for place in range(start, end - self.size + 1) if self.at(text, place)), -1)


def _escape(text: str, utf8: bool) -> str:
    if utf8:
        return "".join(c if c.isascii() and c.isalnum() else f"\\x{{{ord(c):x}}}" for c in text)
    return "".join(chr(b) if 48 <= b <= 57 or 65 <= b <= 90 or 97 <= b <= 122 else f"\\x{b:02x}" for b in text.encode())


_ONE_CHARACTER: Final = r"(?:[\x00-\x7f]|[\xc2-\xf4][\x80-\xbf]{1,3})"


def expression(pattern: Pattern, joined: bool = False) -> tuple[bytes, int]:
    """A pattern as (Hyperscan expression, flags). ``joined``: the text is many values with SEPARATOR between them."""
    _, kind, value, flags = pattern
    common = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY
    if kind == "regex":
        wanted = common | hyperscan.HS_FLAG_UTF8
        for letter, flag in (("i", "CASELESS"), ("m", "MULTILINE"), ("s", "DOTALL")):
            wanted |= getattr(hyperscan, f"HS_FLAG_{flag}") if letter in flags else 0
        return _pcre(value).encode(), wanted
    if "c" not in flags:
        common |= hyperscan.HS_FLAG_CASELESS
    wanted_parts = list(parts(value))
    start = r"\A" if wanted_parts[:1] != [("*", "")] else ""
    end = r"\z" if wanted_parts[-1:] != [("*", "")] else ""
    inner = wanted_parts[0 if start else 1 : None if end else -1] if wanted_parts else []
    if joined:
        star, one = f"[^{_escape(SEPARATOR, True)}]*", f"[^{_escape(SEPARATOR, True)}]"
        common |= hyperscan.HS_FLAG_UTF8
    else:
        star, one = ".*", _ONE_CHARACTER
    body = "".join(_escape(text, joined) if what == "=" else star if what == "*" else one for what, text in inner)
    return (start + body + end).encode(), common | hyperscan.HS_FLAG_DOTALL


def _pcre(value: str) -> str:
    r"""Python's syntax where PCRE means something else: ``\Z``, ``\v`` and ``{,n}``."""

    def swap(found: re.Match[str]) -> str:
        return {r"\Z": r"\z", r"\v": r"\x0b", "{,": "{0,"}.get(found[0], found[0])

    return re.sub(r"\\.|\{,(?=[0-9]+\})|\[\^?\]?(?:\\.|[^\]\\])*\]", swap, value, flags=re.DOTALL)


def refuse(pattern: Pattern) -> str | None:
    """Why this pattern cannot run on this machine, None when it can."""
    if pattern[1] == "glob" or (hyperscan is not None and _compiles(pattern)) or not blow_up(pattern[2]):
        return None
    if hyperscan is not None:
        return f"regular expression {pattern[2]!r} could take unbounded time: write it without back-references and nested repeats"
    return f"regular expression {pattern[2]!r} could take unbounded time: install hyperscan or write it without nested repeats"


def _compiles(pattern: Pattern, joined: bool = False) -> bool:
    text, flags = expression(pattern, joined)
    try:
        hyperscan.Database().compile(expressions=[text], ids=[0], elements=1, flags=[flags])
    except hyperscan.error:
        return False
    return True


def build(patterns: Sequence[Pattern], joined: bool = False) -> bytes:
    """Compile patterns that Hyperscan takes into a serialised database; empty when there are none or no Hyperscan."""
    if hyperscan is None or not patterns:
        return b""
    rendered = [expression(p, joined) for p in patterns]
    database = hyperscan.Database()
    database.compile(
        expressions=[text for text, _ in rendered],
        ids=[p[0] for p in patterns],
        elements=len(patterns),
        flags=[flags for _, flags in rendered],
    )
    return bytes(hyperscan.dumpb(database))


def split(patterns: Sequence[Pattern], joined: bool = False) -> tuple[list[Pattern], list[Pattern]]:
    """(those for Hyperscan, those only Python can do)."""
    easy = [p for p in patterns if p[1] == "glob" and "?" not in p[2] and len(p[2]) < _LONG]
    others = [p for p in patterns if p not in set(easy)]
    taken = [p for p in others if _compiles(p, joined)]
    return easy + taken, [p for p in others if p not in set(taken)]


def load(database: bytes, patterns: Sequence[Pattern], checked: Sequence[Pattern]) -> Patterns | None:
    """Patterns of a field, from what ``build`` made; without a database, PlainPatterns."""
    if not patterns and not checked:
        return None
    if not database:
        return PlainPatterns([*patterns, *checked])
    loaded = hyperscan.loadb(database, hyperscan.HS_MODE_BLOCK)
    loaded.scratch = hyperscan.Scratch(loaded)
    return HyperscanPatterns(loaded, patterns, checked)
