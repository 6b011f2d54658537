"""How grave an incident is and of which kind, by the tables of a legal profile. Pure."""

from collections.abc import Iterable

from model import Level, Severity, rank
from notifier.legal import Kind, Legal


def grade(legal: Legal, *, level: Level, systems: int, system_level: int, kind: str) -> Severity:
    """M1–M4 by the first row of the profile's grading table that holds.

    ``level`` is the highest alert's, ``systems`` how many systems are touched, ``system_level`` the highest of theirs (1–5).
    """
    for row in legal.grading:
        fits = rank(level) >= rank(row.level) and system_level >= row.system_level and systems >= row.systems
        if fits and (not row.kinds or kind in row.kinds):
            return row.severity
    raise AssertionError("the last row of a checked profile has no condition")


def graver(one: Severity, other: Severity) -> Severity:
    """The graver of two: an incident is never graded down by itself."""
    return min(one, other)


def techniques(tags: Iterable[str]) -> tuple[str, ...]:
    """ATT&CK techniques among Sigma tags, as ``T1059.001``, sorted."""
    found = set()
    for tag in tags:
        name = tag.lower().removeprefix("attack.")
        number, _, sub = name[1:].partition(".")
        if (
            name != tag.lower()
            and name.startswith("t")
            and len(number) == 4
            and number.isdecimal()
            and (not sub or sub.isdecimal())
        ):
            found.add(name.upper())
    return tuple(sorted(found))


def kinds_of(legal: Legal, tags: Iterable[str]) -> frozenset[str]:
    """Codes an alert's tags speak for: by own tag, else by technique, else by tactic; empty when none does."""
    names = [t.lower() for t in tags]
    if own := frozenset(k.code for k in legal.kinds if not set(names).isdisjoint(k.tags)):
        return own
    if by_technique := frozenset(code for t in techniques(names) for code in _by_technique(legal.kinds, t)):
        return by_technique
    tactics = {n.removeprefix("attack.").replace("_", "-") for n in names}
    return frozenset(k.code for k in legal.kinds if not tactics.isdisjoint(k.tactics))


def _by_technique(kinds: tuple[Kind, ...], technique: str) -> list[str]:
    exact = [k.code for k in kinds if technique in k.techniques]
    parent = technique.partition(".")[0]
    return exact or [k.code for k in kinds if parent in k.techniques]


def kind_of(legal: Legal, codes: Iterable[str]) -> str:
    """The one kind of an incident whose alerts speak for ``codes``: covered ones drop out, several left are ``combined``."""
    shown = set(codes)
    left = [k.code for k in legal.kinds if k.code in shown]
    covered = {c for k in legal.kinds if k.code in shown for c in k.covers}
    standing = [c for c in left if c not in covered and c != "other"]
    if len(standing) == 1:
        return standing[0]
    return "combined" if standing else "other"
