"""Event → document of the Elastic Common Schema 8, by the tables of ``config/ecs/``. Pure: tables come in as values.

A table says for which log sources it speaks and which Sigma field goes to which ECS field:

    when: {categories: [webserver]}     any of products, categories, services; each given one must hold; none: always
    fields: {c-ip: source.ip}           or a list of ECS fields
    set: {event.category: [web]}        written when nothing else wrote them

A table with more conditions overrides one with fewer. A field no table names, or whose value the ECS field cannot hold (a host
name in ``source.ip``), is kept under ``vonggac.fields`` as it is (an Elasticsearch ``flattened`` field).
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

import msgspec

from model import Event, LogSource, Micros, Problem, ProblemsError
from model.moment import LATEST, SECOND, to_rfc3339

MEMO: Final = 4096
VERSION: Final = "8.17.0"
_CONDITIONS: Final = ("products", "categories", "services")
_LONGS: Final = frozenset(
    (
        *("source.port", "destination.port", "client.port", "server.port", "http.response.status_code", "http.response.bytes"),
        *("http.request.bytes", "http.response.body.bytes", "process.pid", "process.parent.pid", "process.thread.id"),
        *("file.size", "source.bytes", "destination.bytes", "network.bytes", "event.duration", "url.port"),
    )
)
_USERS: Final = frozenset({"user.name", "user.target.name", "user.effective.name"})
_DOMAINS: Final = frozenset({"destination.domain", "source.domain", "url.domain"})
_RELATED: Final = _USERS | _DOMAINS
_HASHES: Final = {"md5", "sha1", "sha256", "sha384", "sha512", "ssdeep", "tlsh"}


class Table(msgspec.Struct, frozen=True):
    """One mapping table. Empty conditions hold always; ``fields`` maps a Sigma field to ECS fields, ``constants`` sets values.

    ``lines`` are where its ECS fields stand in the file, for problems of several tables together.
    """

    name: str
    products: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    fields: dict[str, tuple[str, ...]] = {}
    constants: dict[str, Any] = {}
    lines: dict[str, int] = {}

    def holds(self, logsource: LogSource) -> bool:
        """Whether this table speaks for ``logsource``."""
        return (
            (not self.products or logsource.product in self.products)
            and (not self.categories or not self.categories.isdisjoint(logsource.categories))
            and (not self.services or logsource.service in self.services)
        )


def read_table(file: str, document: object, line: Callable[..., int] = lambda *path: 0) -> Table:
    """The table a YAML document of ``file`` holds. ProblemsError with every mistake in it.

    ``line`` is the line of a place in the document (``line("fields", "c-ip")``); without it problems have none.
    """
    if not isinstance(document, dict):
        raise ProblemsError([Problem(file, line(), "an ECS table is a mapping", "keys: when, fields, set")])
    problems = [
        Problem(file, line(key), f"unknown key {key!r}", "use when, fields or set")
        for key in document
        if key not in {"when", "fields", "set"}
    ]
    conditions: dict[str, frozenset[str]] = {}
    for key, value in _mapping(file, document, "when", line, problems).items():
        if key not in _CONDITIONS or not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            hint = "use lists of products, categories, services"
            problems.append(Problem(file, line("when", key), f"when.{key} is not understood", hint))
        else:
            conditions[key] = frozenset(value)
    fields: dict[str, tuple[str, ...]] = {}
    lines: dict[str, int] = {}
    for name, target in _mapping(file, document, "fields", line, problems).items():
        targets = target if isinstance(target, list) else [target]
        if not isinstance(name, str) or not targets or not all(_is_path(path) for path in targets):
            said = f"fields.{name}: {target!r} is no ECS field"
            problems.append(Problem(file, line("fields", name), said, "write it like source.ip"))
        else:
            fields[name] = tuple(targets)
            lines |= dict.fromkeys(targets, line("fields", name))
    constants = _mapping(file, document, "set", line, problems)
    for path in constants:
        lines[path] = line("set", path)
        if not _is_path(path):
            problems.append(Problem(file, lines[path], f"set.{path} is no ECS field"))
    if problems:
        raise ProblemsError(problems)
    return Table(file, fields=fields, constants=constants, lines=lines, **conditions)


def _mapping(file: str, document: dict[Any, Any], key: str, line: Callable[..., int], problems: list[Problem]) -> dict[Any, Any]:
    value = document.get(key) or {}
    if isinstance(value, dict):
        return value
    problems.append(Problem(file, line(key), f"{key} must be a mapping"))
    return {}


def _is_path(path: object) -> bool:
    if not isinstance(path, str) or path.startswith(("vonggac.", ".")):
        return False
    return all(word.replace("_", "").replace("@", "").isalnum() for word in path.split("."))


class Tables:
    """All tables, merged once a log source. ProblemsError when two ECS fields contradict (``user`` and ``user.name``)."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = sorted(tables, key=lambda table: (_conditions(table), table.name))
        self._memo: dict[LogSource, _Plan] = {}
        _check_paths(self._tables)

    def plan(self, logsource: LogSource) -> "_Plan":
        """What the tables that speak for ``logsource`` say together."""
        plan = self._memo.get(logsource)
        if plan is None:
            fields: dict[str, tuple[str, ...]] = {}
            constants: dict[str, Any] = {}
            for table in self._tables:
                if table.holds(logsource):
                    fields |= table.fields
                    constants |= table.constants
            paths = {name: tuple(map(_target, found)) for name, found in fields.items()}
            plan = _Plan(paths, {tuple(path.split(".")): value for path, value in constants.items()})
            if len(self._memo) >= MEMO:
                self._memo.clear()
            self._memo[logsource] = plan
        return plan


class _Target(msgspec.Struct, frozen=True, gc=False):
    """An ECS field. ``plain``: any text goes there as it is; ``relates``: its value is repeated under ``related``."""

    name: str
    path: tuple[str, ...]
    plain: bool
    relates: bool


def _target(name: str) -> _Target:
    plain = name not in _LONGS and not name.endswith((".ip", ".hash")) and name != "http.version"
    return _Target(name, tuple(name.split(".")), plain, name in _RELATED or name.endswith((".ip", ".hash")))


class _Plan(msgspec.Struct, frozen=True):
    fields: dict[str, tuple[_Target, ...]]
    constants: dict[tuple[str, ...], Any]


def _conditions(table: Table) -> int:
    return sum(map(bool, (table.products, table.categories, table.services)))


def _check_paths(tables: Iterable[Table]) -> None:
    used = {path: table for table in tables for paths in (*table.fields.values(), table.constants) for path in paths}
    problems = []
    for path, table in sorted(used.items(), key=lambda item: item[0]):
        head = path
        while "." in head:
            head = head.rpartition(".")[0]
            if head in used and head not in {"process.hash", "file.hash"}:
                hint = f"{head} is in {used[head].name}"
                problems.append(Problem(table.name, table.lines.get(path, 0), f"{path} and {head} cannot both be fields", hint))
    if problems:
        raise ProblemsError(problems)


def to_document(event: Event, tables: Tables, stored_at: Micros | None = None) -> dict[str, Any]:
    """The ECS 8 document of ``event``, nested. ``event.ingested`` is ``stored_at``, or when it was received."""
    plan = tables.plan(event.logsource)
    document = _frame(event, stored_at)
    rest: dict[str, Any] = {}
    related: dict[str, dict[str, None]] = {"ip": {}, "user": {}, "hosts": {}, "hash": {}}
    for name, value in event.fields.items():
        targets = plan.fields.get(name)
        kept = False
        for target in targets or ():
            converted = value if target.plain and value and type(value) is str else _converted(target.name, value)
            if converted is not None and _put(document, target.path, converted):
                kept = True
                if target.relates:
                    _relate(target.name, converted, related)
        if not kept:
            rest[name] = value
    for path, value in plan.constants.items():
        _put(document, path, value)
    if rest:
        document["vonggac"]["fields"] = rest
    if event.host:
        related["hosts"][event.host] = None
    found = {name: list(values) for name, values in related.items() if values}
    if found:
        document["related"] = found
    return document


def _frame(event: Event, stored_at: Micros | None) -> dict[str, Any]:
    """What every document has, whatever its log source."""
    logsource = event.logsource
    dataset = ".".join(filter(None, (logsource.product or event.format, logsource.service)))
    received = _time(event.received_at)
    document: dict[str, Any] = {
        "@timestamp": _time(event.happened_at),
        "ecs": {"version": VERSION},
        "event": {
            "id": event.id,
            "original": event.original,
            "created": received,
            "ingested": _time(stored_at) if stored_at is not None else received,
            "dataset": dataset,
            "module": logsource.product or event.format,
            "kind": "event",
        },
        "vonggac": {
            "source": event.source,
            "format": event.format,
            "system": event.system,
            "product": logsource.product,
            "categories": list(logsource.categories),
            "service": logsource.service,
        },
    }
    if event.host:
        document["host"] = {"name": event.host}
    if event.tags:
        document["tags"] = list(event.tags)
    if event.peer:
        path = "/" in event.peer or "\\" in event.peer
        document["log"] = {"file": {"path": event.peer}} if path else {"source": {"address": event.peer}}
    return document


def _converted(target: str, value: Any) -> Any:
    """``value`` as the ECS field can hold it; None when it cannot."""
    if value is None or value == "":
        return None
    if target in _LONGS:
        try:
            return int(value, 0) if isinstance(value, str) else int(value)
        except (ValueError, TypeError, OverflowError):
            return None
    if target.endswith(".ip"):
        return _address(value) if isinstance(value, str) else None
    if target.endswith(".hash"):
        return _hashes(value)
    if target == "http.version":
        return str(value).removeprefix("HTTP/")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [str(part) for part in value]
    return value if isinstance(value, str) else str(value)


@lru_cache(MEMO)
def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


@lru_cache(MEMO)
def _second(number: int) -> str:
    """``2026-11-21T09:30:00`` of that second since the epoch."""
    return to_rfc3339(number * SECOND)[:-5]


def _time(at: Micros) -> str:
    """``to_rfc3339``; events of one second share most of it."""
    if not 0 <= at <= LATEST:
        return to_rfc3339(at)
    second, rest = divmod(at, SECOND)
    return f"{_second(second)}.{rest // 1000:03}Z"


def _hashes(value: Any) -> dict[str, str] | None:
    """Sysmon's ``MD5=…,SHA256=…`` as an object."""
    pairs = (part.partition("=") for part in str(value).split(","))
    found = {name.strip().lower(): text.lower() for name, _, text in pairs if name.strip().lower() in _HASHES}
    return found or None


def _put(document: dict[str, Any], path: tuple[str, ...], value: Any) -> bool:
    """Write ``value`` at ``path``; False when something else stands there or in the way."""
    place = document
    for word in path[:-1]:
        place = place.setdefault(word, {})
        if not isinstance(place, dict):
            return False
    if path[-1] in place:
        return bool(place[path[-1]] == value)
    place[path[-1]] = value
    return True


def _relate(target: str, value: Any, related: Mapping[str, dict[str, None]]) -> None:
    if target.endswith(".ip"):
        related["ip"][value] = None
    elif target in _USERS and isinstance(value, str):
        related["user"][value] = None
    elif target in _DOMAINS and isinstance(value, str):
        related["hosts"][value] = None
    elif target.endswith(".hash"):
        related["hash"].update(dict.fromkeys(value.values()))
