"""Files → settings. Every problem of all files at once, each with file, line and the nearest known name."""

import difflib
import os
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, ValidationError

from collector.parsers import PARSERS
from daemon.lines import Lines, read
from daemon.settings import File, Section, Settings, SyslogTls
from daemon.shipped import installed
from daemon.units import Duration
from model import Expected, Problem, ProblemsError, System
from model.moment import MINUTE

M = typing.TypeVar("M", bound=BaseModel)


class ExpectedEntry(Section):
    host: str = Field(min_length=1)
    format: str = Field(min_length=1)
    silent_after: Duration = 15 * MINUTE


class SystemEntry(Section):
    code: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    row: int = Field(ge=1, le=999)
    name: str = Field(min_length=1)
    name_en: str = Field(min_length=1)
    owner: str
    operator: str
    level: int = Field(ge=1, le=5)
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    rate: float = Field(0.0, ge=0)
    expected: tuple[ExpectedEntry, ...] = ()


class Register(Section):
    systems: list[SystemEntry]


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that was loaded. ``file`` is the settings' file, ``folder`` what relative paths in it start from."""

    file: Path
    settings: Settings
    systems: tuple[System, ...]
    home: Path
    lines: Lines

    @property
    def folder(self) -> Path:
        return self.file.parent

    def path(self, text: str) -> Path:
        """A path of the settings, made absolute."""
        return (self.folder / Path(text).expanduser()).resolve()

    @property
    def rule_paths(self) -> tuple[Path, ...]:
        return tuple(self.path(p) for p in self.settings.rules.paths)


def load(file: Path) -> Configuration:
    """Read ``file`` and the register it names. ProblemsError with all problems of both."""
    document, lines = read(file)
    settings, problems = _validate(Settings, document, lines)
    systems: tuple[System, ...] = ()
    if settings is not None:
        problems += list(_settings_problems(settings, file, lines))
    register_name = document.get("systems", "systems.yml") if isinstance(document, dict) else "systems.yml"
    try:
        systems = load_systems((file.parent / str(register_name)).resolve())
    except ProblemsError as error:
        problems += error.problems
    if settings is None or problems:
        raise ProblemsError(sorted(problems, key=lambda p: (p.file, p.line)))
    return Configuration(file.resolve(), settings, systems, _home(file.resolve().parent, settings.home), lines)


def _home(folder: Path, text: str) -> Path:
    """VONGGAC_HOME; else ``home`` of the settings in ``folder``, but those of an installed package keep their data here."""
    if named := os.environ.get("VONGGAC_HOME"):
        return Path(named).expanduser().resolve()
    home = Path(text).expanduser()
    return (Path.cwd() / home.name if installed(folder) and not home.is_absolute() else folder / home).resolve()


def load_systems(file: Path) -> tuple[System, ...]:
    """Read a register of systems. ProblemsError with all of its problems."""
    document, lines = read(file)
    register, problems = _validate(Register, document, lines)
    if register is not None:
        problems += list(_register_problems(register, lines))
    if register is None or problems:
        raise ProblemsError(problems)
    return tuple(
        System(
            **entry.model_dump(exclude={"expected"}),
            expected=tuple(Expected(e.host, e.format, e.silent_after) for e in entry.expected),
        )
        for entry in register.systems
    )


def _validate(model: type[M], document: Any, lines: Lines) -> tuple[M | None, list[Problem]]:
    try:
        return model.model_validate({} if document is None else document), []
    except ValidationError as error:
        return None, [_problem(model, dict(e), lines) for e in error.errors(include_url=False)]


def _problem(model: type[BaseModel], error: dict[str, Any], lines: Lines) -> Problem:
    where: tuple[str | int, ...] = error["loc"]
    kind, shown = error["type"], ".".join(str(s) for s in where if lines.has(where, s))
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(where[-1]), _names(model, where[:-1]), 1, 0.5)
        hint = f"did you mean `{near[0]}`?" if near else "remove it, or see docs/settings.md"
        return Problem(lines.file, lines.of(where, key=True), f"unknown setting `{where[-1]}`", hint)
    if kind == "missing":
        return Problem(lines.file, lines.of(where[:-1]), f"setting `{where[-1]}` is missing")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        context = error.get("ctx", {})
        known = str(context.get("expected_tags", "")).replace("'", "")
        near = difflib.get_close_matches(str(context.get("tag", "")), known.split(", "), 1, 0.4)
        hint = f"did you mean `{near[0]}`?" if near else f"one of {known}" if known else "add `type:`"
        return Problem(lines.file, lines.of((*where, "type")), f"`{shown}` has no known `type`", hint)
    message = str(error["msg"]).removeprefix("Value error, ")
    return Problem(lines.file, lines.of(where), f"`{shown}`: {message[:1].lower()}{message[1:]}")


def _names(model: type[BaseModel], where: tuple[str | int, ...]) -> list[str]:
    """Names of the settings that may stand at ``where``."""
    found: list[Any] = [model]
    for step in where:
        found = [inner for place in found for inner in _inside(place, step)] or found
    return [name for place in found if isinstance(place, type) and issubclass(place, BaseModel) for name in place.model_fields]


def _inside(place: Any, step: str | int) -> Iterator[Any]:
    if isinstance(place, type) and issubclass(place, BaseModel) and str(step) in place.model_fields:
        yield from _models(place.model_fields[str(step)].annotation)
    elif isinstance(place, type) and issubclass(place, BaseModel) and step in _tags(place):
        yield place


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    return typing.get_args(model.model_fields["type"].annotation) if "type" in model.model_fields else ()


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)


def _settings_problems(settings: Settings, file: Path, lines: Lines) -> Iterator[Problem]:
    names: set[str] = set()
    for number, source in enumerate(settings.collector.sources):
        here = ("collector", "sources", number)
        if source.name in names:
            yield Problem(lines.file, lines.of((*here, "name")), f"two sources are called `{source.name}`")
        names.add(source.name)
        if source.format != "auto" and source.format not in PARSERS:
            near = difflib.get_close_matches(source.format, PARSERS, 1, 0.4)
            hint = f"did you mean `{near[0]}`?" if near else "see docs/taxonomy.md"
            yield Problem(lines.file, lines.of((*here, "format")), f"unknown format `{source.format}`", hint)
        try:
            ZoneInfo(source.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield Problem(lines.file, lines.of((*here, "zone")), f"unknown time zone `{source.zone}`", "like Asia/Ho_Chi_Minh")
        if isinstance(source, SyslogTls):
            for key in ("certificate", "key", "client_ca"):
                text = getattr(source, key)
                if text and not (file.parent / Path(text).expanduser()).is_file():
                    yield Problem(lines.file, lines.of((*here, key)), f"`{key}`: there is no file {text}")
            if bool(source.certificate) != bool(source.key):
                yield Problem(lines.file, lines.of(here), "`certificate` and `key` go together")
        if isinstance(source, File):
            for path in source.paths:
                if not Path(path).expanduser().is_absolute():
                    yield Problem(lines.file, lines.of((*here, "paths")), f"`{path}` must be an absolute path")
    for number, text in enumerate(settings.rules.paths):
        if not (file.parent / Path(text).expanduser()).exists():
            yield Problem(lines.file, lines.of(("rules", "paths", number)), f"there is no file or folder {text}")
    if not settings.national.run and not settings.notifier.national.url:
        message = "`national.run` is false, and no national API is named"
        yield Problem(lines.file, lines.of(("national", "run")), message, "set `notifier.national.url`")


def _register_problems(register: Register, lines: Lines) -> Iterator[Problem]:
    codes: set[str] = set()
    for number, system in enumerate(register.systems):
        if system.code in codes:
            yield Problem(lines.file, lines.of(("systems", number, "code")), f"two systems have the code `{system.code}`")
        codes.add(system.code)
        for index, network in enumerate(system.addresses):
            try:
                ip_network(network)
            except ValueError as error:
                yield Problem(lines.file, lines.of(("systems", number, "addresses", index)), f"not a network: {error}")
