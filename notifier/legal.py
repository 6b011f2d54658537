"""A legal profile (``config/legal/*.yml``): attack types, grading, what each grade obliges to. Pure: text in, value out.

A new decree is a new file; no code knows an article of law.
"""

import msgspec
import yaml

from model import ConfigError, Level, Severity

STAGES = ("immediate", "first_notice", "report")
LARGEST = 1 << 20


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text in Vietnamese and English."""

    vi: str
    en: str


class Obligation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report owed: ``stage`` of STAGES, due ``hours`` after detection (0: at once)."""

    stage: str
    hours: float


class Grade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a severity means. ``send`` false: registered here only."""

    name: Words
    send: bool
    obligations: tuple[Obligation, ...] = ()


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the grading table: holds when every condition does; the first row that holds decides."""

    severity: Severity
    level: Level = "informational"
    system_level: int = 0
    systems: int = 0
    kinds: tuple[str, ...] = ()


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attack type of Decision 05/2017 and the tags, ATT&CK techniques and tactics that speak for it."""

    code: str
    name: Words
    tags: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()


class Legal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One profile, as read from its file. ``grading`` ends with a row without conditions."""

    profile: str
    title: Words
    unknown_system_level: int
    severities: dict[Severity, Grade]
    grading: tuple[Row, ...]
    kinds: tuple[Kind, ...]

    def sends(self, severity: Severity) -> bool:
        """Whether an incident of this severity goes to the national side."""
        return self.severities[severity].send

    def name(self, kind: str) -> Words:
        """The name of a kind's code; the code itself when the profile does not list it."""
        return next((k.name for k in self.kinds if k.code == kind), Words(kind, kind))


def parse(text: str, file: str) -> Legal:
    """Read a profile. ConfigError, naming ``file``, when it is not one."""
    if len(text) > LARGEST:
        raise ConfigError(f"{file}: a legal profile of more than 1 MiB is none; check the path")
    try:
        legal = msgspec.convert(yaml.safe_load(text), Legal)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not YAML: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {error}; compare with config/legal/VN-2026.yml") from error
    _check(legal, file)
    return legal


def _check(legal: Legal, file: str) -> None:
    codes = {k.code for k in legal.kinds}
    named = {c for row in legal.grading for c in row.kinds} | {c for k in legal.kinds for c in k.covers}
    if unknown := sorted(named - codes):
        raise ConfigError(f"{file}: kind {unknown[0]!r} is used but not listed under kinds")
    if missing := sorted({"combined", "other"} - codes):
        raise ConfigError(f"{file}: kinds must list {missing[0]!r}")
    if missing := sorted({"M1", "M2", "M3", "M4"} - set(legal.severities)):
        raise ConfigError(f"{file}: severities must list {missing[0]}")
    for grade in legal.severities.values():
        for owed in grade.obligations:
            if owed.stage not in STAGES:
                raise ConfigError(f"{file}: stage {owed.stage!r} is none of {', '.join(STAGES)}")
    last = legal.grading[-1] if legal.grading else None
    if last is None or last.kinds or last.system_level or last.systems or last.level != "informational":
        raise ConfigError(f"{file}: the last row of grading must have no condition, so that every incident is graded")
